// TestResolve is one lookup of a test: everything that it was told, also as text. Owned by the
// test; it dies before the name service.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/io/name_service.hpp"

namespace outrigger::testing {

class TestResolve final : public io::ResolveEvents {
 public:
  TestResolve(io::NameService& names, std::string_view name, std::string_view known_as = {},
              std::span<const io::RecordType> types = io::kAddressTypes)
      : x_lookup(names.resolve({.name = name, .known_as = known_as, .types = types}, *this)) {}

  bool done() const { return !told.empty() && told.back().is_complete; }
  void cancel() { x_lookup.reset(); }
  // Of the latest telling: "10.0.0.1 fd00::1", families in the order of their coming; "nothing",
  // "error" or "silence" for one that has no records.
  std::string text() const {
    if (told.empty()) return "not told";
    std::string out;
    for (const io::Answer& answer : told.back().answers) {
      if (!out.empty()) out += ' ';
      out += text_of(answer);
    }
    return out;
  }

  std::vector<io::Resolved> told;

 private:
  static std::string text_of(const io::Answer& answer) {
    if (io::says_none(answer.verdict)) return "nothing";
    if (answer.verdict == io::Verdict::kError) return "error";
    if (answer.verdict == io::Verdict::kSilence) return "silence";
    std::string out;
    for (const Address& address : answer.addresses) {
      if (!out.empty()) out += ' ';
      out += address.ip_string();
    }
    return out;
  }

  void on_resolved(const io::Resolved& resolved) override { told.push_back(resolved); }

  io::OperationPtr x_lookup;
};

}  // namespace outrigger::testing
