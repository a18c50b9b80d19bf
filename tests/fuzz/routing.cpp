// Any bytes as an authority and as a path.
#include <cstdint>

#include "proxy/http/authority.hpp"
#include "proxy/http/path.hpp"
#include "tests/fuzz/heads.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace outrigger;
  using namespace outrigger::http;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto authority = split_authority(text);
  if (authority) {
    CHECK_THAT(!authority->host.empty() &&
               text.find_first_of("@/?#, \r\n") == std::string_view::npos);
    CHECK_THAT(authority->has_port || authority->port == 0);
  }
  Arena arena({});
  const std::string_view path = canonical_path(text, arena);
  CHECK_THAT(path.size() <= 3 * text.size());
  CHECK_THAT(canonical_path(path, arena) == path);
  if (text.starts_with('/')) {
    CHECK_THAT(path.starts_with('/'));
    CHECK_THAT(path.find("//") == std::string_view::npos &&
               path.find("/./") == std::string_view::npos);
    CHECK_THAT(path.find("/../") == std::string_view::npos && !path.ends_with("/.."));
  }
  return 0;
}
