// Any bytes as the first ones of a TLS client: the verdict does not depend on how they came, and
// what is said for a name is one.
#include "proxy/io/client_hello.hpp"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>

#include "tests/fuzz/heads.hpp"

namespace outrigger::io {
namespace {

using State = ClientHelloReader::State;

void check(const ClientHello& hello, State state) {
  CHECK_THAT(state == State::kDone ||
             (hello.server_name.empty() && !hello.offers_h2 && !hello.offers_http1));
  CHECK_THAT(hello.server_name.size() <= 253);
  CHECK_THAT(!hello.server_name.starts_with('.') && !hello.server_name.ends_with('.'));
  for (const char c : hello.server_name) CHECK_THAT(c > ' ' && c < 0x7F && c != ':' && c != '/');
}

// In pieces of that size, each time in memory of its own.
void check_pieces(std::string_view bytes, size_t piece, State expected, std::string_view name) {
  ClientHelloReader reader;
  for (size_t size = 0;; size = std::min(size + piece, bytes.size())) {
    const http::Exact so_far(bytes.substr(0, size));
    const State state = reader.read(so_far.view());
    if (state == State::kMore && size < bytes.size()) continue;
    CHECK_THAT(state == expected);
    CHECK_THAT(reader.hello().server_name == name);
    return;
  }
}

}  // namespace
}  // namespace outrigger::io

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace outrigger::io;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  ClientHelloReader reader;
  const State state = reader.read(bytes);
  check(reader.hello(), state);
  CHECK_THAT(state != State::kMore || size < ClientHelloReader::kWireBytes);
  check_pieces(bytes, 1 + size / 5, state, reader.hello().server_name);
  if (size < 400) check_pieces(bytes, 1, state, reader.hello().server_name);
  return 0;
}
