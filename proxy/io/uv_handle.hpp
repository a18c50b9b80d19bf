// UvHandle owns one libuv handle and hides that libuv closes late: destroying a UvHandle makes it
// deaf and closes it at once, and its memory goes when the loop calls back. A file descriptor under
// a uv_poll_t may be closed right after. One thread, which is the loop's.
#pragma once

#include <memory>
#include <utility>

#include <uv.h>

namespace outrigger::io {

template <class H>
class UvHandle {
 public:
  UvHandle() = default;
  UvHandle(UvHandle&& other) noexcept : x_handle(std::exchange(other.x_handle, nullptr)) {}
  UvHandle& operator=(UvHandle&& other) noexcept {
    std::swap(x_handle, other.x_handle);
    return *this;
  }
  ~UvHandle() { close(); }

  // `init(H*)` is libuv's init call. Returns its status; below 0 the UvHandle stays empty.
  template <class Init>
  int open(void* owner, Init init) {
    close();
    auto fresh = std::make_unique<H>();
    const int status = init(fresh.get());
    if (status < 0) return status;
    x_handle = fresh.release();
    x_handle->data = owner;
    return 0;
  }

  void close() {
    if (x_handle == nullptr) return;
    H* const handle = std::exchange(x_handle, nullptr);
    handle->data = nullptr;
    uv_close(reinterpret_cast<uv_handle_t*>(handle),
             [](uv_handle_t* closed) { delete reinterpret_cast<H*>(closed); });
  }

  // The object that callbacks belong to.
  void set_owner(void* owner) { x_handle->data = owner; }
  // The loop does not stay alive for this handle.
  void unref() { uv_unref(reinterpret_cast<uv_handle_t*>(x_handle)); }

  bool is_open() const { return x_handle != nullptr; }
  H* get() const { return x_handle; }

 private:
  H* x_handle = nullptr;
};

}  // namespace outrigger::io
