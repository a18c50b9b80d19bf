// Result<T> is a value or a failure; no exceptions travel on the data path. The failure type
// defaults to a plain sentence for people; the data path uses Cause or Error (see error.hpp). A
// value type: no thread, no owner.
#pragma once

#include <string>
#include <utility>
#include <variant>

namespace outrigger {

template <class E>
struct Failure {
  E error;
};

template <class E>
Failure<std::decay_t<E>> failure(E&& error) {
  return {std::forward<E>(error)};
}

template <class T, class E = std::string>
class [[nodiscard]] Result {
 public:
  Result(T value) : x_state(std::in_place_index<0>, std::move(value)) {}
  template <class F>
  Result(Failure<F> failed) : x_state(std::in_place_index<1>, std::move(failed.error)) {}

  explicit operator bool() const { return x_state.index() == 0; }

  // Requires: holds a value.
  T& operator*() { return std::get<0>(x_state); }
  const T& operator*() const { return std::get<0>(x_state); }
  T* operator->() { return &std::get<0>(x_state); }
  const T* operator->() const { return &std::get<0>(x_state); }

  // Requires: holds a failure.
  const E& error() const { return std::get<1>(x_state); }

 private:
  std::variant<T, E> x_state;
};

}  // namespace outrigger
