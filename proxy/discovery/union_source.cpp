#include "proxy/discovery/union_source.hpp"

#include <algorithm>
#include <limits>
#include <unordered_set>

namespace outrigger::discovery {

void UnionSource::start() {
  x_loop.timers.arm(x_waited, x_loop.clock.now_ms() + kFirstAnswerMs);
  for (const auto& part : x_parts) part->source->start();
}

void UnionSource::Part::on_failed(SourceKind kind, const std::string& why) {
  owner.report_failure(kind, why);
  // A part that fails matters to the list only while the others wait for its first word.
  if (!was_heard) owner.heard(*this);
}

void UnionSource::heard(Part& part) {
  part.was_heard = true;
  const auto was_heard = [](const auto& each) { return each->was_heard; };
  if (!x_is_waiting || std::ranges::all_of(x_parts, was_heard)) merge();
}

void UnionSource::merge() {
  x_waited.cancel();
  x_is_waiting = false;
  AddressList merged;
  std::unordered_set<Address> seen;
  bool has_answer = false;
  for (const auto& part : x_parts) {
    has_answer = has_answer || part->source->answered();
    for (const upstream::ListedAddress& listed : part->source->list()) {
      if (seen.insert(listed.address).second) merged.push_back(listed);
    }
  }
  if (has_answer) report(std::move(merged));
}

void UnionSource::remember(Memory& memory) const {
  for (const auto& part : x_parts) part->source->remember(memory);
}

int64_t UnionSource::age_ms() const {
  int64_t oldest = 0;
  for (const auto& part : x_parts) {
    if (part->source->answered()) oldest = std::max(oldest, part->source->age_ms());
  }
  return oldest;
}

int64_t UnionSource::lapsed_ms() const {
  int64_t freshest = std::numeric_limits<int64_t>::max();
  for (const auto& part : x_parts) {
    if (part->source->answered()) freshest = std::min(freshest, part->source->lapsed_ms());
  }
  return freshest;
}

bool UnionSource::is_from_disk() const {
  return std::ranges::any_of(x_parts,
                             [](const auto& part) { return part->source->is_from_disk(); });
}

}  // namespace outrigger::discovery
