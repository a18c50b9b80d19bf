// An Inbox is the way home to a loop from any thread: letters are delivered on the loop's thread,
// a callback each, in the order in which they were sent. A letter is a member of whoever sends it,
// so that sending takes no lock and no memory, or one that owns itself (post). A letter owns what
// it names until it is delivered or dropped. One for each loop, part of its LoopContext.
#pragma once

#include <atomic>
#include <functional>

namespace outrigger {

class Letter {
 public:
  // On the thread of the inbox, which has forgotten the letter: it may be sent again, or go.
  virtual void on_delivered() = 0;
  // The loop ended first. On the thread that ends it; the letter may go.
  virtual void on_dropped() noexcept {}

 protected:
  virtual ~Letter() = default;

 private:
  friend class Inbox;
  Letter* x_next = nullptr;
};

class Inbox {
 public:
  // Any thread; makes the loop take what has arrived.
  using Wake = void (*)(void* loop);

  Inbox(Wake wake, void* loop) : x_wake(wake), x_loop(loop) {}
  ~Inbox() { drop_all(); }
  Inbox(const Inbox&) = delete;
  Inbox& operator=(const Inbox&) = delete;

  // Any thread. Requires: the letter is in no inbox; it lives until it is delivered or dropped.
  void send(Letter& letter);
  // Any thread, control path: `task` in a letter of its own, which takes memory.
  void post(std::function<void()> task);

  // -- by the loop, on its thread

  // Takes what has arrived into the round. What is sent from now on waits for the next one, so that
  // letters which send letters cannot hold up the loop.
  void open_round();
  // Delivers the oldest one of the round; false when there is none.
  bool deliver_next();
  // Whether the round has another one.
  bool is_round_open() const { return x_round != nullptr; }
  // Nothing of what was sent will be delivered.
  void drop_all();

 private:
  std::atomic<Letter*> x_arrived{nullptr};  // the latest first
  Letter* x_round = nullptr;                // the oldest first
  const Wake x_wake;
  void* const x_loop;
};

}  // namespace outrigger
