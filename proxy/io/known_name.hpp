// What is known of a name from answer to answer. Each family has its own addresses, age and error:
// an error or silence for one keeps what it had (RFC 8767), whatever is said of the other. That a
// name has no address must be said of both. A value of its owner.
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "proxy/io/name_service.hpp"

namespace outrigger::io {

class KnownName {
 public:
  struct Family {
    std::vector<Address> addresses;  // port 0; in the order of the answer
    bool was_answered = false;       // be it with nothing
    bool is_failing = false;         // the latest answer was none
    int64_t answered_at_ms = 0;
  };

  // Keeps at most so many addresses of a family.
  explicit KnownName(size_t most = std::numeric_limits<size_t>::max()) : x_most(most) {}

  // What another one knew: it serves until there is an answer.
  void begin_with(const std::vector<Address>& addresses, int64_t answered_at_ms);
  // False: no family has an answer, or what is known stays as it was since nothing else is certain.
  bool take(const Resolved& resolved, int64_t now_ms);
  // The lookup was given up while it waited for this family.
  void note_silence(RecordType type) { at(type).is_failing = true; }

  const Family& family(RecordType type) const { return x_families[static_cast<size_t>(type)]; }
  bool is_empty() const;
  // Which name of the search list it is; for the next Question.
  const std::string& known_as() const { return x_known_as; }

 private:
  Family& at(RecordType type) { return x_families[static_cast<size_t>(type)]; }

  size_t x_most;
  std::string x_known_as;
  std::array<Family, kAddressTypes.size()> x_families;
};

// The answer says nothing about its family: an error, or silence.
constexpr bool is_failure(const Answer& answer) {
  return answer.verdict != Verdict::kRecords && !says_none(answer.verdict);
}

}  // namespace outrigger::io
