// A Sniffer tells from the first bytes of a connection what is spoken on it; it keeps none of them
// and changes none. Of each connection that may speak more than one protocol, until the verdict.
// One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "proxy/io/client_hello.hpp"

namespace outrigger::downstream {

enum class Speech : uint8_t {
  kUnclear,  // not enough yet
  kHttp1,    // a request line (RFC 9112 section 3)
  kHttp2,    // the preface of prior knowledge (RFC 9113 section 3.4)
  kTls,      // a whole ClientHello
  kOpaque,   // anything else
};

class Sniffer {
 public:
  // What a connection may speak. But for kAnything it was meant for us, and all else is HTTP/1's to
  // refuse.
  enum class Expected : uint8_t { kHttp, kHttpOrTls, kAnything };

  // So many bytes are never kUnclear.
  static constexpr size_t kBytesMax = io::ClientHelloReader::kWireBytes;

  explicit Sniffer(Expected expected) : x_expected(expected) {}

  // `bytes`, at least one, is all that has come: each call begins with the bytes of the last one.
  // The verdict does not depend on how they were cut.
  Speech look(std::string_view bytes);

  // For kTls: the name that the caller asks for (RFC 6066 section 3), or empty. Lasts as long as
  // the bytes.
  std::string_view server_name() const { return x_hello.hello().server_name; }

 private:
  enum class Part : uint8_t { kMethod, kTarget, kVersion };

  Speech look_for_request_line(std::string_view bytes);

  const Expected x_expected;
  Part x_part = Part::kMethod;
  size_t x_at = 0;  // within that part; what is before it need not be looked at again
  size_t x_part_begin = 0;
  io::ClientHelloReader x_hello;
};

}  // namespace outrigger::downstream
