// What changed, and who did it: the last 1000 changes of state, for the admin API and, through a
// callback, the log. Subscribers are told that there is something new and read it from the ring
// with their own cursor, so a slow one costs nothing. Owned by the application; control thread only
// (transitions of circuits are posted to it).
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <string_view>

#include "proxy/base/clock.hpp"
#include "proxy/base/intrusive_list.hpp"

namespace outrigger::admin {

struct Event {
  uint64_t id = 0;
  int64_t wall_ms = 0;
  std::string kind;  // circuit, settings, state, override_ended, drain, reload, ...
  std::string service;
  std::string route;
  std::string endpoint;
  std::string from;
  std::string to;
  std::string reason;
  std::string actor;   // empty: the proxy itself
  std::string before;  // JSON; empty: nothing
  std::string after;
};

// One line of JSON, without what is empty.
std::string to_json(const Event& event);

// Unlinks itself when destroyed.
class EventSubscriber : public ListNode<> {
 public:
  virtual void on_event() = 0;

 protected:
  ~EventSubscriber() = default;
};

class Events {
 public:
  static constexpr size_t kKept = 1000;
  static constexpr size_t kSubscribersMax = 16;
  static constexpr size_t kValueBytesMax =
      4096;  // of `before` and `after`; larger ones are left out
  using Log = std::function<void(const Event&)>;

  // Ids start at the time of day in milliseconds: they grow across restarts too, so a client that
  // resumes at another process's id misses nothing.
  explicit Events(const Clock& clock, Log log = {});

  // Sets id and time; tells the log and the subscribers.
  void publish(Event event);

  const std::deque<Event>& kept() const { return x_kept; }
  // The first kept event after `id`, as an index into kept().
  size_t index_after(uint64_t id) const;
  uint64_t last_id() const { return x_next_id - 1; }
  // Events after `id` that are no longer kept.
  uint64_t missed_after(uint64_t id) const;

  // False when there are kSubscribersMax already.
  bool subscribe(EventSubscriber& subscriber);

 private:
  const Clock& x_clock;
  const Log x_log;
  const uint64_t x_first_id;
  uint64_t x_next_id;
  std::deque<Event> x_kept;  // ids without gaps
  List<EventSubscriber> x_subscribers;
};

}  // namespace outrigger::admin
