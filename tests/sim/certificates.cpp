#include "tests/sim/certificates.hpp"

#include "tests/support/certificates.hpp"

namespace outrigger::sim {

const std::array<Certificate, 2>& certificates() {
  static const auto kAll = [] {
    // Worlds live at some time of their own.
    constexpr int64_t kYearS = 365 * 86'400;
    testing::TestAuthority authority;
    std::array<Certificate, 2> all;
    for (size_t i = 0; i < all.size(); ++i) {
      const std::string name = "c" + std::to_string(i);
      const auto years = static_cast<int64_t>(10 + i);
      authority.issue(name, {.valid_from_s = -10 * kYearS, .valid_until_s = years * kYearS});
      all[i] = {authority.read(name + ".pem"), authority.read(name + ".key"),
                testing::load(authority.server(name))->expires_unix_s()};
    }
    return all;
  }();
  return kAll;
}

}  // namespace outrigger::sim
