// A NameWalk looks for the one name of the search list that has records, all types of each name
// (both families of addresses) at once. It goes on to the next name where a server says that there
// is nothing; as the system's resolver it passes an erroneous answer over as well, but never from
// the name that was the right one before, and never over silence: who else has that name is not
// asked then. Owned by a lookup. One thread.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "proxy/base/loop_context.hpp"
#include "proxy/io/name_servers.hpp"

namespace outrigger::io {

class NameWalk final : private ReplyEvents {
 public:
  // How long one name is asked for, and all of them together.
  static constexpr int64_t kQueryMs = 7'000;
  static constexpr int64_t kWalkMs = 10'000;
  // How long the family that came first waits for the other (RFC 8305 section 3).
  static constexpr int64_t kResolutionDelayMs = 50;

  // `events` is told as NameService::resolve says; not any more once this is destroyed.
  NameWalk(LoopContext loop, NameServers& servers, const Question& question, ResolveEvents& events);

  // From the first name of the search list as it is now. May be called again while it walks, when
  // the servers have forgotten what they were asked.
  void start();
  // What has not been answered is silence now. Reports from inside.
  void give_up();

 private:
  void on_reply(Answer answer) override;
  void ask();
  void judge();
  void settle();
  void go_on();
  void on_delay();
  void on_late();
  void tell(std::vector<Answer> answers, bool is_complete);

  const Answer* find(RecordType type) const;
  bool is_decided() const { return x_answers.size() == x_types.size(); }
  bool has(Verdict verdict) const;
  bool is_last() const { return x_at + 1 == x_names.size(); }
  bool was_right_before() const { return x_names[x_at] == x_known_as; }
  int64_t now_ms() const { return x_loop.clock.now_ms(); }

  LoopContext x_loop;
  NameServers& x_servers;
  ResolveEvents& x_events;
  const std::string x_name;
  const std::string x_known_as;
  const std::span<const RecordType> x_types;
  std::vector<std::string> x_names;
  size_t x_at = 0;
  int64_t x_ends_ms = 0;
  bool x_was_told = false;        // of one family
  std::vector<Answer> x_answers;  // of the name that is asked for, in the order of their coming
  std::array<Verdict, kRecordTypes> x_worst{};  // of the names before, by type
  std::array<OperationPtr, kRecordTypes> x_queries;
  Timer x_delay = Timer::of<&NameWalk::on_delay>(*this);
  Timer x_late = Timer::of<&NameWalk::on_late>(*this);
};

}  // namespace outrigger::io
