// The NameService is how names become addresses: as an argument beside the Network, so that tests
// script the name servers. The real one is io::LoopNames. One thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/address.hpp"
#include "proxy/io/operation.hpp"

namespace outrigger::io {

enum class RecordType : uint8_t { kA, kAaaa, kSrv };
inline constexpr size_t kRecordTypes = 3;
inline constexpr std::array<RecordType, 2> kAddressTypes = {RecordType::kA, RecordType::kAaaa};
inline constexpr std::array<RecordType, 1> kServiceTypes = {RecordType::kSrv};

enum class Verdict : uint8_t {
  kRecords,
  kNoRecords,  // the name exists, but has no such records (NODATA of RFC 2308)
  kNoName,     // the name does not exist (NXDOMAIN)
  kError,      // an answer that says nothing: SERVFAIL, REFUSED, NOTIMP, FORMERR, no server there
  kSilence,    // no answer in time
};

// There is nothing, and a server has said so: neither an error nor silence.
constexpr bool says_none(Verdict verdict) {
  return verdict == Verdict::kNoRecords || verdict == Verdict::kNoName;
}

// A place of a service (RFC 2782).
struct ServiceRecord {
  uint16_t priority = 0;  // those of the lowest one come first
  uint16_t weight = 0;    // against others of the same priority
  uint16_t port = 0;
  std::string target;  // lower case, without a dot at its end; empty: decidedly not available

  auto operator<=>(const ServiceRecord&) const = default;
};

// What was said of the records of one type.
struct Answer {
  RecordType type = RecordType::kA;
  Verdict verdict = Verdict::kError;
  std::vector<Address> addresses;  // port 0; in the order of the answer
  int64_t ttl_s = 0;               // the smallest one of the records, and of the aliases to them
  std::vector<ServiceRecord> places{};  // of kSrv
};

// What is known of a name: one name of the search list for both families of addresses, each family
// with its own verdict.
struct Resolved {
  std::string name;             // the one of the search list; empty when none had an answer
  std::vector<Answer> answers;  // one for each type that was decided, in the order of their coming
  bool is_complete = false;     // all types are decided
};

struct Question {
  std::string_view name;
  // What Resolved::name was the last time, if there was one. An error of that name does not lead on
  // to the next one of the search list.
  std::string_view known_as = {};
  std::span<const RecordType> types = kAddressTypes;  // or kServiceTypes
};

class ResolveEvents {
 public:
  // Once with everything; or twice, when one family has addresses and the other was not decided
  // within the resolution delay of RFC 8305 after it. Never from inside resolve().
  virtual void on_resolved(const Resolved& answer) = 0;

 protected:
  ~ResolveEvents() = default;
};

class NameService {
 public:
  virtual ~NameService() = default;

  // Records of a name, or addresses of an IP literal. Without a dot at its end a name is completed
  // from the system's search list, as resolv.conf(5) says. Destroying the handle or giving it to
  // the Reaper cancels, silently.
  virtual OperationPtr resolve(const Question& question, ResolveEvents& events) = 0;
  // Grows when the system's configuration has changed, which is looked at here. Whoever waits
  // before it asks again after a failure need not wait then.
  virtual uint64_t version() = 0;
};

}  // namespace outrigger::io
