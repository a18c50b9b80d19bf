// The host names that services answer to: exact ones and `*.suffix`, each with or without a port.
// An exact name beats any suffix, of suffixes the longest wins; of one name the entry with the
// asked port beats the one without, which matches any port. Names are compared without regard to
// case (RFC 3986 section 3.2.2) and to a final dot, IP addresses by what they are. Built once, then
// immutable; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace outrigger::chain {

class HostTable {
 public:
  // `host` is `name`, `name:port`, `*.suffix` or `*.suffix:port`. False, and nothing changes, where
  // it is not or is in the table already.
  bool add(std::string_view host, uint32_t value);

  // The value of the entry that `authority` (host[:port], no port means 80) matches. Allocates
  // nothing.
  std::optional<uint32_t> find(std::string_view authority) const;

 private:
  static constexpr uint16_t kAnyPort = 0;

  struct Claim {
    uint16_t port;
    uint32_t value;
  };
  struct Entry {
    std::string name;  // lower case; of a suffix with its leading dot
    std::vector<Claim> claims;
  };

  Entry& entry_of(std::string_view name);
  const Entry* look_up(std::string_view name) const;
  const Claim* claim(std::string_view name, uint16_t port) const;
  void grow();
  size_t slot_of(std::string_view name) const;

  std::vector<Entry> x_entries;
  std::vector<uint32_t> x_slots;  // index of an entry plus one, open addressing; a power of two
  size_t x_suffix_bytes_max = 0;
};

}  // namespace outrigger::chain
