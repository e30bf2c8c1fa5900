// SPDX-License-Identifier: Apache-2.0
// Labels from CSV, JSON lines and frames, and joined rows as text: what is read, what is refused, how it is written.
#include "kernel/pit_labels.hpp"

#include <catch2/catch.hpp>

#include "drive.hpp"
#include "kernel/pit_output.hpp"

using namespace twinpipe;

namespace {

/// Lines joined with a row of two features: (1.5, missing), as of 10 s, known at 20 s.
struct Joining {
  EntityTable entities{10};
  LabelLayouts labels;
  FeatureLayouts features;
  PitOutputOptions options;
  Output out;
  Status status;

  std::string run(PitForm form, LabelParser& parser, const std::vector<std::string>& lines) {
    (void)features.find(std::vector<std::string_view>{"x", "y"}, "d");
    options.form = form;
    const auto output = PitOutput::make(options, entities, labels, features);
    Label label;
    for (std::string line : lines) {
      const std::size_t length = line.size();
      line.append(LabelParser::kPadding, ' ');
      const Result<bool> taken = parser.take(std::string_view(line).substr(0, length), label);
      if (!taken.ok()) return taken.status().message;
      if (!*taken) continue;
      Chosen chosen;
      chosen.missing = label.time < 20 * kSecond ? Missing::never_known : Missing::no;
      chosen.row = {10 * kSecond, 20 * kSecond, 3};
      const bool found = chosen.missing == Missing::no;
      const double nothing = std::numeric_limits<double>::quiet_NaN();
      const std::vector<double> values{found ? 1.5 : nothing, nothing};
      // By way of the bytes that sorting would make of it.
      std::string bytes;
      encode_joined(label, {std::span(&chosen, 1), values}, bytes);
      JoinedRow row;
      row.decode(bytes);
      if (status = output->put(row.label(), row.answer(), out); !status.ok()) return status.message;
    }
    if (status = parser.end(); !status.ok()) return status.message;
    REQUIRE(output->finish(out).ok());
    return std::string(out.pending());
  }
  std::string csv(PitForm form, const std::vector<std::string>& lines) {
    CsvLabels parser(entities, labels);
    return run(form, parser, lines);
  }
  std::string json(PitForm form, const std::vector<std::string>& lines) {
    JsonLabels parser(entities, labels);
    return run(form, parser, lines);
  }
};

}  // namespace

TEST_CASE("labels in CSV keep their columns as they were written") {
  CHECK(Joining().csv(PitForm::csv, {"\xEF\xBB\xBFnote,entity,time,bad\r", "\"a, \"\"b\"\"\",pump,1970-01-01T00:00:30Z,007", "",
                                     "\"\",pump,5000000000,"}) ==
        "note,entity,time,bad,as_of,known_at,age,x,y\n"
        "\"a, \"\"b\"\"\",pump,1970-01-01T00:00:30Z,007,1970-01-01T00:00:10Z,1970-01-01T00:00:20Z,20,1.5,\n"
        "\"\",pump,5000000000,,,,,,\n");
}

TEST_CASE("labels in CSV become JSON: numbers, words, nothing") {
  CHECK(Joining().csv(PitForm::json, {"entity,time,a,b,c", "pump,30000000000,007,\"7\",", "pump,3,true,x,NaN"}) ==
        R"({"entity":"pump","time":30000000000,"a":7,"b":"7","c":null,"as_of":"1970-01-01T00:00:10Z",)"
        R"("known_at":"1970-01-01T00:00:20Z","age":20,"x":1.5,"y":null})"
        "\n"
        R"({"entity":"pump","time":3,"a":true,"b":"x","c":"NaN","as_of":null,"known_at":null,"age":null,"x":null,"y":null})"
        "\n");
}

TEST_CASE("labels in JSON may differ from line to line, and become CSV when they do not") {
  CHECK(Joining().json(PitForm::json, {R"({"entity":"p","time":"1970-01-01T00:00:30Z","why":{"a":[1,2]},"n":1})",
                                       R"( {"time":1,"entity":"q"})"}) ==
        R"({"entity":"p","time":"1970-01-01T00:00:30Z","why":{"a":[1,2]},"n":1,"as_of":"1970-01-01T00:00:10Z",)"
        R"("known_at":"1970-01-01T00:00:20Z","age":20,"x":1.5,"y":null})"
        "\n"
        R"({"time":1,"entity":"q","as_of":null,"known_at":null,"age":null,"x":null,"y":null})"
        "\n");
  CHECK(Joining().json(PitForm::csv, {R"({"entity":"p","time":1,"why":["a"]})"}) ==
        "entity,time,why,as_of,known_at,age,x,y\np,1,\"[\"\"a\"\"]\",,,,,\n");
  CHECK(Joining().json(PitForm::csv, {R"({"entity":"p","time":1})", R"({"entity":"p","time":1,"more":1})"}) ==
        "the label has other columns than the header: CSV has the same in every row");
}

TEST_CASE("labels become frames when they are numbers, and are labels again") {
  Joining joining;
  const std::string stream = joining.csv(PitForm::frames, {"entity,time,bad,why", "pump,30000000000,true,2.5", "fan,3,,1"});
  const auto frames = testing::frames_of(stream, FrameKind::features);
  REQUIRE(frames.size() == 1);
  const v1::Features& rows = frames[0].features();
  CHECK(rows.entity(1) == "fan");
  CHECK(rows.label_time(0) == 30 * kSecond);
  CHECK(rows.as_of(0) == 10 * kSecond);
  CHECK(rows.known_at(1) == 0);
  CHECK(rows.revision(0) == 3);
  CHECK(rows.definition_digest() == "d");
  REQUIRE(rows.column_size() == 4);
  CHECK(rows.column(0).name() == "bad");
  CHECK(rows.column(0).value(0) == 1);
  CHECK(std::isnan(rows.column(0).value(1)));
  CHECK(rows.column(2).value(0) == 1.5);
  LabelLayouts layouts;
  FrameLabels labels(joining.entities, layouts);
  const std::string payload = rows.SerializeAsString();
  REQUIRE(labels.take(payload).ok());
  Label label;
  REQUIRE(labels.next(label));
  CHECK(label.time == 30 * kSecond);
  CHECK(layouts[label.layout].names == std::vector<std::string>{"entity", "time", "bad", "why", "x", "y"});
  CHECK(label.cells[3].real == 2.5);
  REQUIRE(labels.next(label));
  CHECK(label.number == 2);
  CHECK_FALSE(labels.next(label));
  CHECK(Joining().csv(PitForm::frames, {"entity,time,why", "pump,3,worn"}) ==
        "why: 'worn' is not a number, and frames hold numbers alone");
}

TEST_CASE("labels that are none are refused") {
  const auto refused = [](const std::vector<std::string>& lines) { return Joining().csv(PitForm::csv, lines); };
  CHECK(refused({"asset,time", "a,1"}) == "the labels have no column 'entity' (--entity)");
  CHECK(refused({"entity,when", "a,1"}) == "the labels have no column 'time' (--time)");
  CHECK(refused({"entity,time,entity"}) == "two columns are called 'entity'");
  CHECK(refused({"entity,time", "a"}) == "1 fields, the header has 2");
  CHECK(refused({"entity,time", ",1"}) == "entity: empty");
  CHECK(refused({"entity,time", "a,soon"}).starts_with("time: 'soon' is not a time"));
  CHECK(refused({"entity,time", "\"a\"b,1"}) == "text behind a closing quote");
  CHECK(refused({"entity,time", "\"a,1"}) == "the text ends inside quotes");
  CHECK(refused({}) == "no header: the first line names the columns");
  CHECK(refused({"entity,time,x", "a,1,2"}) == "two columns of the output would be called 'x' (--prefix)");
  Joining prefixed;
  prefixed.options.prefix = "f_";
  CHECK(prefixed.csv(PitForm::csv, {"entity,time,x"}) == "entity,time,x,f_as_of,f_known_at,f_age,f_x,f_y\n");
  CHECK(Joining().json(PitForm::json, {R"({"entity":1,"time":1})"}) == "entity: not a string");
  CHECK(Joining().json(PitForm::json, {R"([1])"}) == "not a JSON object");
  CHECK(Joining().json(PitForm::json, {R"({"entity")"}).starts_with("not JSON: "));
}
