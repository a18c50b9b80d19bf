// What the HTTP/1.1 programs of the benchmarks speak through: a socket, in clear or with TLS 1.3
// over it, which both answer as recv(2) and send(2) do.
#pragma once

#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

namespace bench {

class Socket {
 public:
  Socket() = default;
  // Owns `fd`; `tls` is null, or has been given its side. Over TLS the socket must not block.
  explicit Socket(int fd, SSL* tls = nullptr) : x_fd(fd), x_tls(tls) {
    if (x_tls != nullptr) SSL_set_fd(x_tls, fd);
  }
  Socket(Socket&& other) noexcept
      : x_fd(std::exchange(other.x_fd, -1)), x_tls(std::exchange(other.x_tls, nullptr)) {}
  Socket& operator=(Socket&& other) noexcept {
    std::swap(x_fd, other.x_fd);
    std::swap(x_tls, other.x_tls);
    return *this;
  }
  ~Socket() {
    if (x_tls != nullptr) SSL_shutdown(x_tls);
    SSL_free(x_tls);
    if (x_fd >= 0) close(x_fd);
  }

  int fd() const { return x_fd; }

  ssize_t receive(char* into, std::size_t bytes, int flags) {
    if (x_tls == nullptr) return recv(x_fd, into, bytes, flags);
    return checked(SSL_read(x_tls, into, static_cast<int>(bytes)));
  }
  // The next receive() has something without asking the kernel, which then will not tell.
  bool has_more() const { return x_tls != nullptr && SSL_has_pending(x_tls) == 1; }
  ssize_t write(std::string_view bytes) {
    if (x_tls == nullptr) return send(x_fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    return checked(SSL_write(x_tls, bytes.data(), static_cast<int>(bytes.size())));
  }

 private:
  ssize_t checked(int count) const {
    if (count > 0) return count;
    const int error = SSL_get_error(x_tls, count);
    ERR_clear_error();
    if (error == SSL_ERROR_ZERO_RETURN) return 0;
    errno = error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? EAGAIN : EPROTO;
    return -1;
  }

  int x_fd = -1;
  SSL* x_tls = nullptr;
};

// TLS 1.3 without resumption. Lives as long as the program.
inline SSL_CTX* tls_context(const SSL_METHOD* method) {
  SSL_CTX* const context = SSL_CTX_new(method);
  SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_read_ahead(context, 1);
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  return context;
}

}  // namespace bench
