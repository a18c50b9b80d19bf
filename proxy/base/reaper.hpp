// No object dies in its own callback: an owner that drops a child which may be on the call stack
// gives it to the Reaper. It is destroyed at one place only, after the writes of the turn were
// flushed and before the loop sleeps. One for each loop; nothing else may flush it.
#pragma once

#include <memory>
#include <utility>

#include "proxy/base/intrusive_list.hpp"

namespace outrigger {

class Reapable : public ListNode<Reapable> {
 public:
  virtual ~Reapable() = default;

  // Destroys this object and gives back its memory. What lives in an arena only destroys itself.
  virtual void reap() { delete this; }
};

class Reaper {
 public:
  ~Reaper() { flush(); }

  // Takes ownership. The object must already be deaf: no callback may reach it any more.
  void doom(Reapable* object) {
    if (object != nullptr) x_doomed.push_back(*object);
  }
  template <class T>
  void doom(std::unique_ptr<T> object) {
    doom(object.release());
  }

  // Destroys everything doomed, in order, including what destructors doom on the way.
  void flush() {
    while (!x_doomed.empty()) x_doomed.pop_front().reap();
  }

  bool empty() const { return x_doomed.empty(); }

 private:
  List<Reapable, Reapable> x_doomed;
};

}  // namespace outrigger
