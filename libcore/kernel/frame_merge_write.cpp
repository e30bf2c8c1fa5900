// SPDX-License-Identifier: Apache-2.0
// What leaves a merge: fresh rows, frames under the output's aliases, gaps that nobody filled, watermarks that have risen.
#include <fmt/format.h>

#include <algorithm>

#include "kernel/frame_aliases.hpp"
#include "kernel/frame_merge_parts.hpp"

namespace twinpipe {

/// The head of an input that is no Readings. Errors: bad_data.
Status FrameMerge::write(std::uint32_t number, Output& out) {
  Input& input = *inputs_[number];
  const FrameView& view = input.view;
  switch (view.kind) {
    case FrameKind::open: series_.open_segment(number); return {};
    case FrameKind::close: return {};
    case FrameKind::series: {
      rows_.flush(out);
      const std::string* node = nullptr;
      if (Status status = series_.take(number, view.payload, out, node); !status.ok()) return status;
      nodes_.seen(number, nodes_.node(*node), false);
      return {};
    }
    case FrameKind::waveform:
    case FrameKind::aggregates:
    case FrameKind::spectra:
    case FrameKind::exception: write_named(number, out); return {};
    default: break;
  }
  if (single()) {
    rows_.flush(out);
    out.forward(view);
    return {};
  }
  const v1::Frame* const frame = input.stream.frame_size() == 1 ? &input.stream.frame(0) : nullptr;
  switch (view.kind) {
    case FrameKind::arrival: input.arrival = frame->arrival().time(); return {};
    case FrameKind::position:
    case FrameKind::resume: ++dropped_; return {};
    case FrameKind::gap: take_gap(number, out); return {};
    case FrameKind::watermark:
      nodes_.tick(number, frame->watermark(), view.bytes);
      write_due(out);
      return {};
    case FrameKind::lifecycle: {
      const bool news = nodes_.lifecycle(number, frame->lifecycle(), view.bytes);
      if (news) {
        rows_.flush(out);
        out.forward(view);
      } else {
        ++copied_frames_;
      }
      write_due(out);
      return {};
    }
    default: write_other(number, view, out); return {};
  }
}

// ---- data -----------------------------------------------------------------------------------------------------------

/// Writes the head's rows from input.row to `end`, but for copies.
void FrameMerge::write_rows(std::uint32_t number, std::size_t end, Output& out) {
  Input& input = *inputs_[number];
  const std::size_t begin = input.row;
  if (begin == end) return;
  Columns columns = input.columns;
  fresh_.assign(1, Rows{begin, end});
  if (!single() && columns.historical) see_historical(input, number, begin, end);
  if (!single() && !columns.seq.empty()) select(number, columns, begin, end);
  if (fresh_.empty()) return;
  write_arrival(number, out);
  const bool untouched = columns.quality.data() == input.columns.quality.data();
  if (rows_.empty() && untouched && series_.identity(number) && series_.all_in_force(number) && begin == 0 &&
      fresh_.size() == 1 && fresh_[0].begin == 0 && fresh_[0].end == columns.rows()) {
    out.forward(input.view);
    return;
  }
  for (const Rows& rows : fresh_) append(number, columns, rows.begin, rows.end, out);
}

/// A lane that an input has readings in is one whose watermark it holds back.
void FrameMerge::see_historical(Input& input, std::uint32_t number, std::size_t begin, std::size_t end) {
  input.historical.resize(series_.size());
  for (std::size_t row = begin; row < end; ++row) {
    const std::uint32_t alias = input.columns.slot[row];
    if (input.historical[alias]) continue;
    input.historical[alias] = true;
    nodes_.seen(number, nodes_.node(series_.node(number, alias)), true);
  }
}

/// Leaves the rows that no other input has brought in fresh_. A reading behind a gap that others have filled is behind none.
void FrameMerge::select(std::uint32_t number, Columns& columns, std::size_t begin, std::size_t end) {
  fresh_.clear();
  bool mended = false;
  for (std::size_t row = begin; row < end; ++row) {
    const std::uint32_t alias = columns.slot[row], quality = columns.quality_at(row);
    MergeSession* const session = series_.session(number, alias);
    if (session != nullptr) {
      const std::uint32_t index = columns.index.empty() ? 0 : columns.index[row];
      const auto verdict =
          session->take(number, columns.seq[row], index, MergeSession::print_of(alias, columns.time[row], quality));
      if (verdict == MergeSession::Verdict::copy) {
        ++copied_rows_;
        continue;
      }
      if (verdict == MergeSession::Verdict::beyond) count_beyond(number, alias, columns.seq[row]);
      if ((quality & v1::QUALITY_AFTER_GAP) != 0 && session->filled(number)) {
        if (!std::exchange(mended, true)) {
          quality_.assign(columns.quality.begin(), columns.quality.end());
          columns.quality = quality_;
        }
        quality_[row] &= ~std::uint32_t{v1::QUALITY_AFTER_GAP};
      }
    }
    if (!fresh_.empty() && fresh_.back().end == row) ++fresh_.back().end;
    else fresh_.push_back({row, row + 1});
  }
}

/// A reading or waveform passed because its number is older than what can be compared.
void FrameMerge::count_beyond(std::uint32_t number, std::uint32_t alias, std::uint64_t seq) {
  if (beyond_++ > 0) return;
  notices_.push_back(mention(number, fmt::format("message {} of node {} is older than the {} that are compared (--window): "
                                                 "what it brings passes, copy or not (more are only counted)",
                                                 seq, series_.node(number, alias), options_.window)));
}

/// Puts rows with those that wait, each under a declaration that says what its input says.
void FrameMerge::append(std::uint32_t number, const Columns& columns, std::size_t begin, std::size_t end, Output& out) {
  const auto put = [&](std::size_t to) {
    for (; begin < to;) {
      const std::size_t most = std::min(to, begin + JoinedRows::kRows);
      if (!rows_.takes(kind_of(columns), most - begin)) rows_.flush(out);
      rows_.append(columns, columns.slot, begin, most);
      begin = most;
    }
  };
  if (!series_.all_in_force(number))
    for (std::size_t row = begin; row < end; ++row) {
      if (series_.in_force(number, columns.slot[row])) continue;
      put(row);
      rows_.flush(out);
      series_.declare_again(number, columns.slot[row], out);
    }
  put(end);
}

/// A frame that names series by alias.
void FrameMerge::write_named(std::uint32_t number, Output& out) {
  Input& input = *inputs_[number];
  v1::Frame& frame = *input.stream.mutable_frame(0);
  const std::vector<std::uint32_t>& aliases = series_.aliases(number);
  const bool identity = series_.identity(number);
  rows_.flush(out);
  const auto rename = [&](std::uint32_t alias) {
    const std::uint32_t named = aliases[alias];
    if (!series_.in_force(number, named)) series_.declare_again(number, named, out);
    return named;
  };
  switch (frame.kind_case()) {
    case v1::Frame::kWaveform: frame.mutable_waveform()->set_series(rename(frame.waveform().series())); break;
    case v1::Frame::kException: frame.mutable_exception()->set_series(rename(frame.exception().series())); break;
    case v1::Frame::kSpectra:
      for (std::uint32_t& alias : *frame.mutable_spectra()->mutable_series()) alias = rename(alias);
      break;
    default:
      for (std::uint32_t& alias : *frame.mutable_aggregates()->mutable_series()) alias = rename(alias);
  }
  if (frame.has_waveform() && !fresh_waveform(number, frame.waveform())) {
    ++copied_rows_;
    return;
  }
  if (frame.has_waveform()) write_arrival(number, out);
  FrameView view = input.view;
  std::string renamed;
  if (!identity) {
    append_frame(frame, renamed);
    view.bytes = renamed;
  }
  if (frame.has_waveform() && numbered(frame.waveform())) out.forward(view);
  else write_other(number, view, out);
}

bool FrameMerge::numbered(const v1::Waveform& waveform) { return waveform.seq() != 0 || waveform.index() != 0; }

/// False: another input had it, by its number. Without one its bytes say so: write_other().
bool FrameMerge::fresh_waveform(std::uint32_t number, const v1::Waveform& waveform) {
  MergeSession* const session = series_.session(number, waveform.series());
  if (single() || session == nullptr || !numbered(waveform)) return true;
  const std::uint32_t print = MergeSession::print_of(waveform.series(), waveform.time(), waveform.quality());
  const auto verdict = session->take(number, waveform.seq(), waveform.index(), print);
  if (verdict == MergeSession::Verdict::beyond) count_beyond(number, waveform.series(), waveform.seq());
  return verdict != MergeSession::Verdict::copy;
}

/// Which clock reading the data that follow came with.
void FrameMerge::write_arrival(std::uint32_t number, Output& out) {
  const std::optional<Nanos>& arrival = inputs_[number]->arrival;
  if (single() || !arrival || arrival == arrival_) return;
  rows_.flush(out);
  frame_.Clear();
  frame_.mutable_arrival()->set_time(*arrival);
  out.frame(frame_);
  arrival_ = arrival;
}

void FrameMerge::write_other(std::uint32_t number, const FrameView& view, Output& out) {
  if (!single() && !copies_.fresh(number, view.bytes)) {
    ++copied_frames_;
    return;
  }
  if (view.kind == FrameKind::work_order) write_arrival(number, out);  // when it became known counts, as with data
  rows_.flush(out);
  out.forward(view);
}

// ---- what is missing ------------------------------------------------------------------------------------------------

/// A gap in numbered messages waits until it is known whether another input has them; any other is told at once.
void FrameMerge::take_gap(std::uint32_t number, Output& out) {
  const FrameView& view = inputs_[number]->view;
  const v1::Gap& gap = inputs_[number]->stream.frame(0).gap();
  const NumberRange range{gap.first(), gap.last()};
  if (!gap.has_session() || range.last == 0 || range.last < range.first) return write_other(number, view, out);
  std::shared_ptr<MergeSession> session = series_.find_session(gap.node(), gap.session());
  session->missed(number, range);
  session->count_unfilled(number, 1);
  gaps_.add({number, gap.node(), std::move(session), range, nodes_.ticked(number, gap.node()), std::string(view.bytes)});
  constexpr std::size_t kMostWaiting = 4096;
  if (gaps_.size() <= kMostWaiting) return;
  gaps_.give_up();
  judge_gaps(out);
}

/// Forgets the gaps that were filled and tells those that will not be.
void FrameMerge::judge_gaps(Output& out) {
  const auto comes = [this](std::uint32_t other) { return !inputs_[other]->over; };
  gaps_.judge(comes, [&](const MergeGaps::Gap& gap, const std::vector<NumberRange>& missing) {
    if (!missing.empty()) return tell_gap(gap, missing, out);
    gap.session->count_unfilled(gap.input, -1);
    ++gaps_filled_;
  });
}

void FrameMerge::tell_gap(const MergeGaps::Gap& gap, const std::vector<NumberRange>& missing, Output& out) {
  rows_.flush(out);
  v1::Stream stream;
  stream.ParseFromString(gap.frame);
  for (const NumberRange& range : missing) {
    gap.session->told(range);
    v1::Frame& frame = *stream.mutable_frame(0);
    if (range.first != gap.range.first || range.last != gap.range.last) {
      frame.mutable_gap()->set_first(range.first);
      frame.mutable_gap()->set_last(range.last);
      frame.mutable_gap()->set_messages(range.last - range.first + 1);
      frame.mutable_gap()->clear_readings();
    }
    out.frame(frame);
  }
}

/// Watermarks that have risen, and a link that nobody has any more.
void FrameMerge::write_due(Output& out) {
  if (single()) return;
  nodes_.write_due([&](MergeNodes::Node& node, bool live_mark, Nanos time, std::string_view bytes) {
    if (live_mark) {
      gaps_.give_up(node.name, time);  // every input has ticked behind them
      judge_gaps(out);
    }
    rows_.flush(out);
    FrameView view;
    view.bytes = bytes;
    out.forward(view);
  });
}

}  // namespace twinpipe
