#include "proxy/io/name_walk.hpp"

#include <algorithm>

namespace outrigger::io {

NameWalk::NameWalk(LoopContext loop, NameServers& servers, const Question& question,
                   ResolveEvents& events)
    : x_loop(loop),
      x_servers(servers),
      x_events(events),
      x_name(question.name),
      x_known_as(question.known_as),
      x_types(question.types) {}

// One family was told already: it is asked for again soon enough.
void NameWalk::start() {
  if (x_was_told) return;
  x_names = x_servers.search_list().names_for(x_name);
  x_at = 0;
  x_worst.fill(Verdict::kNoName);
  x_ends_ms = now_ms() + kWalkMs;
  ask();
}

void NameWalk::give_up() {
  x_ends_ms = now_ms();
  on_late();
}

void NameWalk::ask() {
  x_answers.clear();
  x_delay.cancel();
  x_loop.timers.arm(x_late, std::min(now_ms() + kQueryMs, x_ends_ms));
  for (const RecordType type : x_types) {
    x_queries[static_cast<size_t>(type)] = x_servers.ask(x_names[x_at], type, *this);
  }
}

void NameWalk::on_reply(Answer answer) {
  x_loop.reaper.doom(std::move(x_queries[static_cast<size_t>(answer.type)]));
  x_answers.push_back(std::move(answer));
  judge();
}

void NameWalk::judge() {
  if (has(Verdict::kRecords)) {
    if (is_decided()) return tell(std::move(x_answers), true);
    return x_loop.timers.arm(x_delay, now_ms() + kResolutionDelayMs);
  }
  if (is_decided()) return settle();
  // NXDOMAIN is about the name, but only of A it can be relied upon (RFC 4074 section 4.2).
  const Answer* const ipv4 = find(RecordType::kA);
  const bool is_absent = ipv4 != nullptr && ipv4->verdict == Verdict::kNoName;
  if (is_absent && !is_last() && !was_right_before()) {
    x_loop.timers.arm(x_delay, now_ms() + kResolutionDelayMs);
  }
}

void NameWalk::on_delay() {
  if (!has(Verdict::kRecords)) return go_on();
  x_was_told = true;
  tell(x_answers, false);
}

// There are no records.
void NameWalk::settle() {
  for (const Answer& answer : x_answers) {
    Verdict& worst = x_worst[static_cast<size_t>(answer.type)];
    if (says_none(worst) || !says_none(answer.verdict)) worst = answer.verdict;
  }
  const bool is_unusable = has(Verdict::kError) || has(Verdict::kSilence);
  if (is_unusable && was_right_before()) return tell(std::move(x_answers), true);
  const bool is_there = has(Verdict::kNoRecords) || has(Verdict::kSilence);
  if (is_unusable && is_there && !has(Verdict::kNoName)) x_names.resize(x_at + 1);
  go_on();
}

// There are none of a type only when that was said for each name.
void NameWalk::go_on() {
  for (OperationPtr& query : x_queries) x_loop.reaper.doom(std::move(query));
  if (!is_last()) {
    ++x_at;
    return ask();
  }
  std::vector<Answer> answers;
  answers.reserve(x_types.size());
  for (const RecordType type : x_types) {
    answers.push_back(
        {.type = type, .verdict = x_worst[static_cast<size_t>(type)], .addresses = {}});
  }
  tell(std::move(answers), true);
}

void NameWalk::on_late() {
  if (now_ms() >= x_ends_ms) x_names.resize(x_at + 1);
  for (const RecordType type : x_types) {
    if (find(type) != nullptr) continue;
    x_loop.reaper.doom(std::move(x_queries[static_cast<size_t>(type)]));
    x_answers.push_back({.type = type, .verdict = Verdict::kSilence, .addresses = {}, .ttl_s = 0});
  }
  judge();
}

void NameWalk::tell(std::vector<Answer> answers, bool is_complete) {
  x_delay.cancel();
  if (is_complete) x_late.cancel();
  x_events.on_resolved(
      {.name = x_names[x_at], .answers = std::move(answers), .is_complete = is_complete});
}

const Answer* NameWalk::find(RecordType type) const {
  const auto found = std::ranges::find(x_answers, type, &Answer::type);
  return found == x_answers.end() ? nullptr : &*found;
}

bool NameWalk::has(Verdict verdict) const {
  return std::ranges::find(x_answers, verdict, &Answer::verdict) != x_answers.end();
}

}  // namespace outrigger::io
