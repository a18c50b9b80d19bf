// The certificates that a World rotates: made once, as the seeds of one process share them. They
// tell themselves apart by their end. Any thread.
#pragma once

#include <array>
#include <cstdint>
#include <string>

namespace outrigger::sim {

struct Certificate {
  std::string certificate;  // PEM
  std::string key;
  int64_t expires_unix_s = 0;
};

const std::array<Certificate, 2>& certificates();

}  // namespace outrigger::sim
