#include "proxy/discovery/first_of_source.hpp"

#include <algorithm>

namespace outrigger::discovery {

FirstOfSource::FirstOfSource(LoopContext loop, const TreeSettings& settings, int64_t hold_ms,
                             SourceEvents& events)
    : Source(events), x_loop(loop), x_settings(settings), x_hold_ms(hold_ms) {}

void FirstOfSource::start() {
  x_started_at_ms = x_loop.clock.now_ms();
  for (const auto& part : x_parts) part->source->start();
  choose();
}

void FirstOfSource::remember(Memory& memory) const {
  for (const auto& part : x_parts) part->source->remember(memory);
}

int64_t FirstOfSource::age_ms() const { return x_chosen->source->age_ms(); }
int64_t FirstOfSource::lapsed_ms() const { return x_chosen->source->lapsed_ms(); }

void FirstOfSource::Part::on_failed(SourceKind kind, const std::string& why) {
  owner.report_failure(kind, why);
  was_heard = true;
  owner.choose();
}

void FirstOfSource::part_answered(Part& part) {
  part.was_heard = true;
  const Part* const before = x_chosen;
  choose();
  if (x_chosen == &part && before == &part) report(part.source->list());
}

void FirstOfSource::choose() {
  const int64_t now_ms = x_loop.clock.now_ms();
  for (const auto& part : x_parts) {
    if (!will_do(*part)) {
      part->good_since_ms.reset();
    } else if (!part->good_since_ms) {
      part->good_since_ms = now_ms;
    }
  }
  Part* const picked = pick(now_ms);
  int64_t again_ms = TimerWheel::kNever;
  for (const auto& part : x_parts) again_ms = std::min(again_ms, look_again_at(*part, now_ms));
  x_look_again.cancel();
  if (again_ms != TimerWheel::kNever) x_loop.timers.arm(x_look_again, again_ms);
  if (picked == x_chosen) return;
  x_chosen = picked;
  report(picked->source->list());
}

// The part that is to serve now; nothing while nobody has answered or an earlier one may yet.
FirstOfSource::Part* FirstOfSource::pick(int64_t now_ms) const {
  const bool is_content = x_chosen != nullptr && x_chosen->good_since_ms;
  for (const auto& part : x_parts) {
    if (part.get() == x_chosen && is_content) return x_chosen;
    const bool has_held = part->good_since_ms && now_ms - *part->good_since_ms >= x_hold_ms;
    if (is_content ? has_held : part->good_since_ms.has_value()) return part.get();
    if (x_chosen == nullptr && is_awaited(*part, now_ms)) return nullptr;
  }
  return best_of_the_bad();
}

FirstOfSource::Part* FirstOfSource::best_of_the_bad() const {
  if (x_chosen != nullptr && !x_chosen->source->list().empty()) return x_chosen;
  const auto has_any = [](const auto& part) { return !part->source->list().empty(); };
  const auto found = std::ranges::find_if(x_parts, has_any);
  if (found != x_parts.end()) return found->get();
  if (x_chosen != nullptr) return x_chosen;
  const auto has_answered = [](const auto& part) { return part->source->answered(); };
  const auto empty = std::ranges::find_if(x_parts, has_answered);
  return empty == x_parts.end() ? nullptr : empty->get();
}

bool FirstOfSource::will_do(const Part& part) const {
  return part.source->answered() && part.source->list().size() >= part.min &&
         part.source->lapsed_ms() <= too_old_ms();
}

bool FirstOfSource::is_awaited(const Part& part, int64_t now_ms) const {
  return !part.was_heard && now_ms - x_started_at_ms < kFirstAnswerMs;
}

int64_t FirstOfSource::too_old_ms() const {
  const int64_t keep_last_ms = x_settings.keep_last_ms.value_or(0);
  return keep_last_ms > 0 ? keep_last_ms : kTooOldMs;
}

// When time alone may change what this part is good for.
int64_t FirstOfSource::look_again_at(const Part& part, int64_t now_ms) const {
  if (is_awaited(part, now_ms)) return x_started_at_ms + kFirstAnswerMs;
  if (!part.good_since_ms) return TimerWheel::kNever;
  int64_t at_ms = TimerWheel::kNever;
  const int64_t held_at_ms = *part.good_since_ms + x_hold_ms;
  if (held_at_ms > now_ms) at_ms = held_at_ms;
  const int64_t lapsed_ms = part.source->lapsed_ms();
  if (lapsed_ms > 0) at_ms = std::min(at_ms, now_ms + too_old_ms() - lapsed_ms + 1);
  return at_ms;
}

}  // namespace outrigger::discovery
