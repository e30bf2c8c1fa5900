// SPDX-License-Identifier: Apache-2.0
// Work orders: rules, evidence, charts, requests, what a maintenance system answers, and bad content.
#include <fmt/format.h>

#include <functional>
#include <limits>

#include "client/work_order_service.hpp"
#include "io/outbox.hpp"
#include "kernel/work_order_answers.hpp"
#include "scratch.hpp"
#include "work_order_run.hpp"

using namespace twinpipe;
using testing::StreamWriter;
using testing::WorkOrdersRun;

namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

std::string stream_of(const v1::Predictions& predictions) {
  StreamWriter writer;
  v1::Frame frame;
  *frame.mutable_predictions() = predictions;
  writer.out().frame(frame);
  writer.out().close(true);
  return std::string(writer.out().pending());
}

void column(google::protobuf::RepeatedPtrField<v1::FeatureColumn>& to, const std::string& name, double value) {
  v1::FeatureColumn& made = *to.Add();
  made.set_name(name);
  made.add_value(value);
}

v1::Predictions fired_row() {
  v1::Predictions row;
  row.add_entity("plant%201.line.pump");
  row.add_as_of(1'767'225'600 * kSecond);
  row.add_score(0.75);
  row.add_fired(true);
  row.set_threshold(0.5);
  row.set_failure_mode("seal \"A\"");
  column(*row.mutable_feature(), "b", 2);
  column(*row.mutable_feature(), "a", kNan);
  column(*row.mutable_feature(), "none", 7);
  column(*row.mutable_feature(), "most", -1e300);
  column(*row.mutable_contribution(), "a", 0.5);
  column(*row.mutable_contribution(), "b", -0.5);
  column(*row.mutable_contribution(), "most", -2);
  return row;
}

Status rule_status(const std::string& rule) { return WorkOrders::check(testing::work_order_policy(rule)); }

}  // namespace

TEST_CASE("work-order: rules that make no sense") {
  CHECK(rule_status(R"({"match":"+/+/+/*","confirm":"64/64"})").ok());
  for (const char* confirm : {"0/1", "2/1", "1/65", "1", "/1", "1/", "a/b", "1/2/3", "-1/2"}) {
    INFO(confirm);
    CHECK(rule_status(fmt::format(R"({{"match":"+/+/+/+","confirm":"{}"}})", confirm)).code == Code::bad_config);
  }
  CHECK(rule_status(R"({"match":"+/+/+/temp-1"})").code == Code::bad_config);
  CHECK(rule_status(R"({"match":"+/+/+/+","clear":"0"})").code == Code::bad_config);
  CHECK(rule_status(R"({"match":"+/+/+/+","labels":"a=1,a=2"})").code == Code::bad_config);
}

TEST_CASE("work-order: evidence names what counted most first, and survives numbers that are none") {
  const v1::Predictions row = fired_row();
  const Policy policy = testing::work_order_policy(R"({"match":"+/+/+/+"})");
  const WorkOrderRule rule = *WorkOrderRule::make(policy.rules("work-order").front());
  const FiredRow fired{&row, 0, "2026-01-01T00:00:00Z", &rule, &policy};
  std::vector<std::string_view> names;
  for (const FeatureEvidence& feature : ranked_features(fired)) names.push_back(feature.name);
  CHECK(names == std::vector<std::string_view>{"most", "a", "b", "none"});
  const Evidence evidence = work_order_evidence(fired);
  CHECK(evidence.json.find(R"({"name":"a","value":"NaN","contribution":0.5})") != std::string::npos);
  CHECK(evidence.json.find(R"({"name":"none","value":7})") != std::string::npos);
  CHECK(evidence.chart == "most -1e+300 (-2)\na NaN (+0.5)\nb 2 (-0.5)\nnone 7\n");
  CHECK(work_order_evidence(fired).digest == evidence.digest);
}

TEST_CASE("work-order: a trend as a line of blocks") {
  CHECK(spark_line(std::vector<double>{0, 1, 2, 3, 4, 5, 6, 7}) == "▁▂▃▄▅▆▇█");
  CHECK(spark_line(std::vector<double>{5, 5, 5}) == "▅▅▅");
  CHECK(spark_line(std::vector<double>{1, kNan, std::numeric_limits<double>::infinity(), 2}) == "▁  █");
  CHECK(spark_line(std::vector<double>{kNan}) == " ");
  CHECK(spark_line(std::vector<double>{}).empty());
  std::vector<double> many(1000);
  for (std::size_t i = 0; i < many.size(); ++i) many[i] = static_cast<double>(i);
  CHECK(spark_line(many, 4) == "▁▃▆█");
}

TEST_CASE("work-order: a request goes into the outbox and comes back as it was") {
  const Policy policy = testing::work_order_policy(R"({"match":"+/+/+/+","notify":["a\"b"],"labels":"x=1"})");
  WorkOrdersRun run(policy);
  REQUIRE(run.take(stream_of(fired_row())).ok());
  REQUIRE(run.orders.size() == 1);
  const WorkOrderRequest& request = run.orders.front();
  CHECK(request.order.idempotency_key() == work_order_key("plant%201.line.pump", "seal \"A\"", "2026-01-01T00:00:00Z"));
  CHECK(request.body.find(R"("notify":["a\"b"],"labels":{"x":"1"})") != std::string::npos);
  const Result<WorkOrderRequest> read = read_outbox_text(outbox_text(request));
  REQUIRE(read.ok());
  CHECK(read->body == request.body);
  CHECK(read->order.SerializeAsString() == request.order.SerializeAsString());
  for (const char* text : {"", "{}", R"({"work_order":{},"request":)", R"({"work_order":{"colour":1},"request":{}})"})
    CHECK_FALSE(read_outbox_text(text).ok());
}

TEST_CASE("work-order: bad content is refused") {
  const Policy policy = testing::work_order_policy(R"({"match":"+/+/+/+"})");
  const auto code = [&](const std::function<void(v1::Predictions&)>& change) {
    v1::Predictions row = fired_row();
    change(row);
    WorkOrdersRun run(policy);
    return run.take(stream_of(row)).code;
  };
  CHECK(code([](v1::Predictions&) {}) == Code::ok);
  CHECK(code([](v1::Predictions& row) { row.set_entity(0, "no-asset"); }) == Code::bad_data);
  CHECK(code([](v1::Predictions& row) { row.clear_as_of(); }) == Code::bad_data);
  CHECK(code([](v1::Predictions& row) { row.add_fired(true); }) == Code::bad_data);
  CHECK(code([](v1::Predictions& row) { row.add_revision(1), row.add_revision(1); }) == Code::bad_data);
  CHECK(code([](v1::Predictions& row) { row.mutable_feature(0)->clear_value(); }) == Code::bad_data);
  CHECK(code([](v1::Predictions& row) { row.add_trend()->set_row(1); }) == Code::bad_data);
  CHECK(code([](v1::Predictions& row) { row.add_trend()->add_as_of(1); }) == Code::bad_data);
  CHECK(code([](v1::Predictions& row) { row.clear_fired(), row.clear_score(); }) == Code::ok);
}

TEST_CASE("work-order: what a search finds") {
  const OrderPointers usual;
  const auto found = [](const char* answer, const OrderPointers& pointers) {
    const auto order = find_order(answer, "k", pointers);
    return !order.ok() ? "error" : !*order ? "none" : **order;
  };
  CHECK(found("[]", usual) == "none");
  CHECK(found(R"({"items":[]})", usual) == "none");
  CHECK(found(R"([{"id":"WO-1","externalReference":"k"}])", usual) == "WO-1");
  CHECK(found(R"({"items":[{"id":1,"externalReference":"other"},{"id":17,"externalReference":"k"}]})", usual) == "17");
  CHECK(found(R"([{"id":"WO-1","externalReference":"other"}])", usual) == "error");
  CHECK(found(R"([{"id":"WO-1"}])", usual) == "error");
  for (const char* answer : {"", "<html>", "{}", R"({"items":"none"})", "17"}) CHECK(found(answer, usual) == "error");
  OrderPointers own;
  own.list = "/data/orders";
  own.id = "/header/number";
  own.reference = "/ref";
  CHECK(found(R"({"data":{"orders":[{"ref":"k","header":{"number":"4711"}}]}})", own) == "4711");
  CHECK(found(R"({"data":{"orders":{"ref":"k"}}})", own).empty());
  CHECK(found(R"({"data":{"orders":null}})", own) == "none");
  CHECK(found(R"({"data":{}})", own) == "error");
  own.id = "id";
  CHECK(own.check().code == Code::usage);
}

TEST_CASE("work-order: times with offsets") {
  const auto time = [](const char* text) {
    const Result<Nanos> parsed = parse_zoned_time(text);
    return parsed.ok() ? *parsed / kSecond : -1;
  };
  CHECK(time("2026-01-01T02:00:00+02:00") == 1767225600);
  CHECK(time("2025-12-31T18:30:00-05:30") == 1767225600);
  CHECK(time("2026-01-01T00:00:00.5Z") == 1767225600);
  CHECK(time("1767225600000000000") == 1767225600);
  for (const char* text : {"", "+02:00", "T+02:00", "2026-01-01", "2026-01-01T00:00:00+2:00", "yesterday"})
    CHECK(time(text) == -1);
}

TEST_CASE("work-order: URLs with a value in them") {
  CHECK(*url_with("https://x/{key}?a=b", "key", "a b/ü+c") == "https://x/a%20b%2F%C3%BC%2Bc?a=b");
  CHECK(url_with("https://x/", "key", "a").status().code == Code::usage);
}

TEST_CASE("outbox: answers and attempts are kept, and found again") {
  const testing::Scratch scratch;
  const auto any = [](std::uint64_t) { return true; };
  {
    Outbox outbox(scratch.path("out"), 10);
    REQUIRE(outbox.open().ok());
    for (const char* id : {"a", "b", "c"}) REQUIRE(outbox.put(id, id, "body").ok());
    const OutboxMessage message = **outbox.first(any);
    CHECK(outbox.attempt_noted(message)->empty());
    REQUIRE(outbox.note_attempt(message, "now").ok());
  }
  Outbox outbox(scratch.path("out"), 10);
  REQUIRE(outbox.open().ok());
  const OutboxMessage first = **outbox.first(any);
  CHECK(*outbox.attempt_noted(first) == "now");
  REQUIRE(outbox.sent(first, "taken").ok());
  CHECK(outbox.attempt_noted(first)->empty());
  REQUIRE(outbox.refused(**outbox.first(any), "no").ok());
  const auto found = [&](const char* id) {
    const Result<Outbox::Kept> kept = outbox.find(id);
    REQUIRE(kept.ok());
    return std::pair(kept->place, kept->answer);
  };
  CHECK(found("a") == std::pair(Outbox::Place::sent, std::string("taken")));
  CHECK(found("b") == std::pair(Outbox::Place::refused, std::string("no")));
  CHECK(found("c") == std::pair(Outbox::Place::waiting, std::string()));
  CHECK(found("d") == std::pair(Outbox::Place::unknown, std::string()));
}
