// What a TLS client says in the clear before anything is encrypted: the name that it wants and the
// protocols that it offers (RFC 8446 section 4.1.2). A ClientHelloReader belongs to a connection
// whose protocol is looked for, and lives on its thread. It decrypts nothing, answers nothing and
// holds no bytes but those of a hello that came in several records; whoever forwards the connection
// forwards the very bytes that were read here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace outrigger::io {

struct ClientHello {
  // As it was written, without a trailing dot. Empty when the client named none, or something that
  // is not a host name: an IP literal, other bytes than letters, digits, '-', '_' and '.', more
  // than 253 of them. Points into the bytes that were read or into the reader.
  std::string_view server_name;
  bool offers_h2 = false;     // ALPN (RFC 7301): "h2"
  bool offers_http1 = false;  // "http/1.1"
};

class ClientHelloReader {
 public:
  enum class State : uint8_t {
    kMore,    // so far a ClientHello, and not all of it
    kDone,    // it is one. One that is larger than we read is done too, and says nothing
    kNotTls,  // it is none, or it breaks its own lengths or says twice what may be said once
  };

  // The largest hello that is read. Of this many bytes on the wire none is kMore.
  static constexpr size_t kMessageBytes = 16 * 1024;
  static constexpr size_t kWireBytes = kMessageBytes + 1024;

  ClientHelloReader() = default;
  ClientHelloReader(const ClientHelloReader&) = delete;
  ClientHelloReader& operator=(const ClientHelloReader&) = delete;

  // `bytes` is all that the client has sent: each call begins with the bytes of the last one. The
  // verdict does not depend on how they were cut, and all calls together take time in proportion to
  // the bytes. To be asked no more once it is not kMore.
  State read(std::string_view bytes);

  // Says something only when the state is kDone, and only while `bytes` stay where they were.
  const ClientHello& hello() const { return x_hello; }

 private:
  State parse(std::string_view message);

  size_t x_read = 0;     // bytes of the records in x_joined
  std::string x_joined;  // of a hello that came in several records
  ClientHello x_hello;
};

}  // namespace outrigger::io
