// Hashes that are the same in every process and version, so that sidecars that see the same list
// agree (std::hash promises nothing across programs). Not against an adversary.
#pragma once

#include <cstdint>
#include <string_view>

namespace outrigger {

// The finalizer of SplitMix64: each bit of the result depends on each bit of `value`.
constexpr uint64_t mixed(uint64_t value) {
  value += 0x9e3779b97f4a7c15;
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
  value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
  return value ^ (value >> 31);
}

// FNV-1a of 64 bits, and mixed, because its high bits alone are poor for short texts.
constexpr uint64_t stable_hash(std::string_view text) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const char byte : text) hash = (hash ^ static_cast<uint8_t>(byte)) * 0x100000001b3;
  return mixed(hash);
}

}  // namespace outrigger
