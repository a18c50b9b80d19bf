// One blocking socket with what was read ahead of it: what the client and the origin of the tests
// have in common. Owned by one of them; one thread. Nothing here blocks longer than ten seconds at
// a time.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proxy/io/fd.hpp"

namespace outrigger::testing {

using FieldList = std::vector<std::pair<std::string, std::string>>;  // names in lower case

// The first of that name (in lower case), or "".
std::string field_of(const FieldList& fields, std::string_view name);

class Wire {
 public:
  static constexpr int kLimitMs = 10'000;

  explicit Wire(io::Fd fd);

  bool is_open() const { return x_fd.is_open(); }
  int fd() const { return x_fd.get(); }
  // Whether everything was taken.
  bool send(std::string_view bytes);
  // Appends what comes next to the bytes read ahead; false at the end, after an error or too long.
  bool fill();
  bool read_line(std::string& line);  // without its CRLF
  bool read_fields(FieldList& fields);
  bool read_exactly(size_t count, std::string& into);
  bool read_chunks(std::string& into);
  // Everything until the other side ends, cleanly or not; nothing when it does not.
  std::optional<std::string> read_to_end();

  void finish();  // half-close
  void reset();   // RST
  void close() { x_fd.close(); }

 private:
  io::Fd x_fd;
  std::string x_ahead;
  bool x_timed_out = false;
};

}  // namespace outrigger::testing
