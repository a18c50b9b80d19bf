#include "proxy/io/sha1.hpp"

#include <openssl/evp.h>

#include "proxy/base/assert.hpp"

namespace outrigger::io {

std::array<uint8_t, 20> sha1(std::string_view text) {
  std::array<uint8_t, 20> digest{};
  const int done =
      EVP_Digest(text.data(), text.size(), digest.data(), nullptr, EVP_sha1(), nullptr);
  OUTRIGGER_ASSERT(done == 1);
  return digest;
}

}  // namespace outrigger::io
