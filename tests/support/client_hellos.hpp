// ClientHellos for whoever reads them without a handshake: as OpenSSL writes them, and put together
// by hand where a test needs one that OpenSSL would not write. Each is the bytes on the wire, in
// one record; no state.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace outrigger::testing {

struct HelloSpec {
  std::string server_name;             // empty: none
  std::vector<std::string> protocols;  // ALPN; empty: none
  int max_version = 0;                 // as OpenSSL numbers them; 0: its newest
};

std::string openssl_hello(const HelloSpec& spec);

// By hand: the bytes of numbers and of what follows its own length.
std::string number_bytes(size_t value, size_t bytes);
std::string counted_bytes(std::string_view value, size_t length_bytes);
std::string hello_extension(size_t type, std::string_view value);
// A list with one entry of the type "host name", as the extension holds it.
std::string server_name_list(std::string_view name);
// A hello that offers two cipher suites, with these extensions; then its record, and the same
// message in records of `bytes` each.
std::string hello_message(std::string_view extensions);
std::string hello_record(std::string_view message);
std::string hello_records(std::string_view message, size_t bytes);
// Without the header of its only record.
std::string_view message_of(std::string_view record);

}  // namespace outrigger::testing
