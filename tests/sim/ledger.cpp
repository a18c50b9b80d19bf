#include "tests/sim/ledger.hpp"

#include <algorithm>
#include <cstdio>

namespace outrigger::sim {
namespace {

constexpr std::string_view kLetters =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

uint64_t mix(uint64_t z) {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

// Eight bytes of the body, six bits each.
uint64_t block_of(uint64_t key, size_t offset) {
  return mix(key * 0x9e3779b97f4a7c15 + offset / 8);
}

}  // namespace

char body_byte(uint64_t key, size_t offset) {
  return kLetters[(block_of(key, offset) >> (offset % 8 * 6)) & 63];
}

std::string make_body(uint64_t key, size_t size) {
  std::string body(size, ' ');
  for (size_t i = 0; i < size; ++i) body[i] = body_byte(key, i);
  return body;
}

bool is_body_at(uint64_t key, size_t offset, std::string_view bytes) {
  for (size_t i = 0; i < bytes.size(); ++i) {
    if (bytes[i] != body_byte(key, offset + i)) return false;
  }
  return true;
}

void Ledger::note(int64_t now_ms, std::string_view what, uint64_t a, uint64_t b) {
  const auto add = [this](uint64_t value) { x_hash = (x_hash ^ value) * 0x100000001b3; };
  add(static_cast<uint64_t>(now_ms));
  for (const char c : what) add(static_cast<unsigned char>(c));
  add(a);
  add(b);
  if (x_print) {
    std::printf("%8lld  %-48.*s %llu %llu\n", static_cast<long long>(now_ms),
                static_cast<int>(what.size()), what.data(), static_cast<unsigned long long>(a),
                static_cast<unsigned long long>(b));
  }
}

void Ledger::violation(const std::string& what) {
  if (x_print) std::printf("          VIOLATION: %s\n", what.c_str());
  if (x_violation.empty()) x_violation = what;
}

Call& Ledger::add_call() {
  Call& call = x_calls.emplace_back();
  call.id = static_cast<uint32_t>(x_calls.size());
  return call;
}

Call* Ledger::find(uint32_t id) {
  return id == 0 || id > x_calls.size() ? nullptr : &x_calls[id - 1];
}

uint64_t Ledger::running() const {
  return static_cast<uint64_t>(std::count_if(x_calls.begin(), x_calls.end(), [](const Call& call) {
    return call.begun && call.ended == 0;
  }));
}

size_t Ledger::arrived(uint32_t id, size_t service, bool may_be_repeated) {
  Call& call = x_calls[id - 1];
  if (++call.arrivals[service] > 1 && !may_be_repeated) {
    violation("call " + std::to_string(id) + " (" + call.method +
              ") may not be repeated and arrived twice");
  }
  call.answers.emplace_back();
  return call.answers.size() - 1;
}

int64_t Ledger::paused_ms(int64_t from_ms, int64_t to_ms) const {
  int64_t paused_ms = 0;
  for (const auto& [from, to] : x_pauses) {
    paused_ms += std::max<int64_t>(0, std::min(to, to_ms) - std::max(from, from_ms));
  }
  return paused_ms;
}

void Ledger::sent_back(uint32_t id, size_t service, bool had_arrived) {
  if (had_arrived) --x_calls[id - 1].arrivals[service];
}

}  // namespace outrigger::sim
