// The latest of something immutable that one thread replaces and many read. A reader keeps what it
// got for as long as it holds it. Any thread; the lock is held for the copy of a pointer.
#pragma once

#include <memory>
#include <mutex>
#include <utility>

namespace outrigger {

template <class T>
class Published {
 public:
  using Ptr = std::shared_ptr<const T>;

  // Null before the first set().
  Ptr get() const {
    const std::lock_guard lock(x_mutex);
    return x_latest;
  }
  void set(Ptr latest) {
    const std::lock_guard lock(x_mutex);
    x_latest.swap(latest);
  }

 private:
  mutable std::mutex x_mutex;
  Ptr x_latest;
};

}  // namespace outrigger
