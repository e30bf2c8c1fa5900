// SPDX-License-Identifier: Apache-2.0
// What became of rejects.
#include "kernel/reject_ledger.hpp"

#include "kernel/reject_facts.hpp"
#include "wire/output.hpp"
#include "wire/scanner.hpp"
#include "wire/segment.hpp"

namespace twinpipe {
namespace {

constexpr std::string_view kRelease = "quarantine release", kDone = "quarantine done";

void add_position(std::string_view source, std::uint64_t number, Output& out) {
  v1::Frame frame;
  frame.mutable_position()->set_source(std::string(source));
  frame.mutable_position()->set_number(number);
  out.frame(frame);
}

void add_rejects(const std::vector<v1::Reject>& rejects, v1::Reject::Action action, const std::string* reason, Output& out) {
  v1::Frame frame;
  for (const v1::Reject& reject : rejects) {
    *frame.mutable_reject() = reject;
    frame.mutable_reject()->set_action(action);
    if (reason != nullptr) frame.mutable_reject()->set_reason(*reason);
    out.frame(frame);
  }
}

}  // namespace

Result<RejectLedger> RejectLedger::parse(std::string_view bytes, std::uint64_t keep) {
  RejectLedger ledger;
  ledger.keep_ = keep;
  Scanner scanner;
  SegmentGuard guard;
  for (FrameView view;;) {
    switch (scanner.next(bytes, view)) {
      case Scanner::Outcome::need_more: return ledger;
      case Scanner::Outcome::bad: return scanner.status();
      case Scanner::Outcome::whole: break;
    }
    if (Status status = guard.observe(view); !status.ok()) return status;
    v1::Stream one;
    if (!one.ParseFromArray(view.bytes.data(), static_cast<int>(view.bytes.size())))
      return Status{Code::bad_data, "a frame does not parse", view.number, view.offset};
    if (Status status = ledger.take(one.frame(0)); !status.ok()) return status;
    bytes.remove_prefix(view.bytes.size());
    if (view.kind == FrameKind::close) ledger.whole_ = view.offset + view.bytes.size();
  }
}

Status RejectLedger::take(const v1::Frame& frame) {
  switch (frame.kind_case()) {
    case v1::Frame::kOpen:
      acted_.clear();
      position_.reset();
      return {};
    case v1::Frame::kPosition: position_ = frame.position(); return {};
    case v1::Frame::kApplied: applied_ = frame.applied(); return {};
    case v1::Frame::kReject: acted_.push_back(frame.reject()); return {};
    case v1::Frame::kClose: seal(); return {};
    default: return Status::error(Code::bad_data, "not a ledger of rejects");
  }
}

void RejectLedger::seal() {
  for (const v1::Reject& reject : acted_)
    fates_[identity_of(reject)] = reject.action() == v1::Reject::ACTION_RELEASED ? Fate::released : Fate::discarded;
  if (!position_) return;
  if (position_->source() == kDone) {
    if (unfinished_ && unfinished_->number == position_->number()) unfinished_.reset();
    return;
  }
  releases_ = position_->number();
  unfinished_ = Release{releases_, applied_, std::move(acted_)};
  if (releases_ == keep_) kept_ = unfinished_;
}

RejectLedger::Fate RejectLedger::fate(const std::string& identity) const {
  const auto at = fates_.find(identity);
  return at == fates_.end() ? Fate::open : at->second;
}

RejectLedger::Fate RejectLedger::fate(const v1::Reject& reject) const {
  return fates_.empty() ? Fate::open : fate(identity_of(reject));
}

std::string released_segment(const Release& release) {
  Output out;
  out.open("quarantine ledger");
  add_position(kRelease, release.number, out);
  v1::Frame frame;
  *frame.mutable_applied() = release.applied;
  out.frame(frame);
  add_rejects(release.rejects, v1::Reject::ACTION_RELEASED, nullptr, out);
  out.close(true);
  return std::string(out.pending());
}

std::string done_segment(std::uint64_t number) {
  Output out;
  out.open("quarantine ledger");
  add_position(kDone, number, out);
  out.close(true);
  return std::string(out.pending());
}

std::string discarded_segment(const std::vector<v1::Reject>& rejects, const std::string& reason) {
  Output out;
  out.open("quarantine ledger");
  add_rejects(rejects, v1::Reject::ACTION_DISCARDED, &reason, out);
  out.close(true);
  return std::string(out.pending());
}

}  // namespace twinpipe
