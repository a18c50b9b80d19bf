#include "proxy/io/client_hello.hpp"

#include <algorithm>
#include <optional>

namespace outrigger::io {
namespace {

constexpr char kHandshakeRecord = 22;
constexpr char kMajorVersion = 3;  // of all of TLS; the minor one is to be ignored (RFC 8446, 5.1)
constexpr char kClientHello = 1;
constexpr size_t kRecordHeader = 5;
constexpr size_t kRecordBytes = 16 * 1024;
constexpr size_t kMessageHeader = 4;
constexpr size_t kRandom = 32;
constexpr size_t kSessionIdMax = 32;
constexpr size_t kServerName = 0;
constexpr size_t kHostName = 0;
constexpr size_t kAlpn = 16;
constexpr size_t kNameMax = 253;
constexpr size_t kLabelMax = 63;

size_t number(std::string_view bytes) {
  size_t value = 0;
  for (const char c : bytes) value = value << 8U | static_cast<unsigned char>(c);
  return value;
}

// Goes through a message whose lengths may lie: after one that does everything is empty.
class Cursor {
 public:
  explicit Cursor(std::string_view bytes) : x_rest(bytes) {}

  std::string_view take(size_t count) {
    if (count > x_rest.size()) {
      x_lies = true;
      x_rest = {};
      return {};
    }
    const std::string_view taken = x_rest.substr(0, count);
    x_rest.remove_prefix(count);
    return taken;
  }
  size_t number_of(size_t bytes) { return number(take(bytes)); }
  // What follows its own length, which is a number of `bytes`.
  std::string_view counted(size_t bytes) { return take(number_of(bytes)); }

  bool at_end() const { return x_rest.empty(); }
  bool lies() const { return x_lies; }

 private:
  std::string_view x_rest;
  bool x_lies = false;
};

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_host_byte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) || c == '-' || c == '_';
}

// A name whose last label is a number would be read as an IPv4 address (RFC 3986 section 3.2.2 and
// inet_aton), and no address may stand here (RFC 6066 section 3).
bool is_host_name(std::string_view name) {
  if (name.empty() || name.size() > kNameMax) return false;
  std::string_view label;
  for (;;) {
    const size_t dot = std::min(name.find('.'), name.size());
    label = name.substr(0, dot);
    if (label.empty() || label.size() > kLabelMax) return false;
    if (!std::all_of(label.begin(), label.end(), is_host_byte)) return false;
    if (dot == name.size()) break;
    name.remove_prefix(dot + 1);
  }
  return !std::all_of(label.begin(), label.end(), is_digit);
}

// RFC 6066 section 3: at most one name of each type; other types than names of hosts have the same
// form and are passed over.
bool read_server_name(std::string_view extension, ClientHello& hello) {
  Cursor outer(extension);
  Cursor list(outer.counted(2));
  if (outer.lies() || !outer.at_end() || list.at_end()) return false;
  std::optional<std::string_view> name;
  while (!list.at_end()) {
    const size_t type = list.number_of(1);
    const std::string_view value = list.counted(2);
    if (list.lies() || value.empty()) return false;
    if (type != kHostName) continue;
    if (name) return false;
    name = value;
  }
  if (!name) return true;
  if (name->ends_with('.')) name->remove_suffix(1);
  if (is_host_name(*name)) hello.server_name = *name;
  return true;
}

// RFC 7301 section 3.1.
bool read_alpn(std::string_view extension, ClientHello& hello) {
  Cursor outer(extension);
  Cursor list(outer.counted(2));
  if (outer.lies() || !outer.at_end() || list.at_end()) return false;
  while (!list.at_end()) {
    const std::string_view protocol = list.counted(1);
    if (list.lies() || protocol.empty()) return false;
    hello.offers_h2 |= protocol == "h2";
    hello.offers_http1 |= protocol == "http/1.1";
  }
  return true;
}

// RFC 8446 section 4.2: no extension twice. Of those that are not read here that is not checked.
bool read_extensions(std::string_view extensions, ClientHello& hello) {
  Cursor list(extensions);
  bool named = false;
  bool offered = false;
  while (!list.at_end()) {
    const size_t type = list.number_of(2);
    const std::string_view value = list.counted(2);
    if (list.lies()) return false;
    if (type == kServerName) {
      if (named || !read_server_name(value, hello)) return false;
      named = true;
    } else if (type == kAlpn) {
      if (offered || !read_alpn(value, hello)) return false;
      offered = true;
    }
  }
  return true;
}

// The body of the message: RFC 8446 section 4.1.2, RFC 5246 section 7.4.1.2 (where extensions may
// be missing altogether).
bool read_body(std::string_view body, ClientHello& hello) {
  Cursor cursor(body);
  const std::string_view version = cursor.take(2);
  cursor.take(kRandom);
  const std::string_view session_id = cursor.counted(1);
  const std::string_view ciphers = cursor.counted(2);
  const std::string_view compressions = cursor.counted(1);
  if (cursor.lies() || version.front() != kMajorVersion || session_id.size() > kSessionIdMax) {
    return false;
  }
  if (ciphers.empty() || ciphers.size() % 2 != 0 || compressions.empty()) return false;
  if (cursor.at_end()) return true;
  const std::string_view extensions = cursor.counted(2);
  return !cursor.lies() && cursor.at_end() && read_extensions(extensions, hello);
}

// Whether these first bytes may begin what begins with `type` and then `next`.
bool begins_with(std::string_view bytes, char type, char next) {
  return (bytes.empty() || bytes[0] == type) && (bytes.size() < 2 || bytes[1] == next);
}

}  // namespace

ClientHelloReader::State ClientHelloReader::read(std::string_view bytes) {
  const bool is_full = bytes.size() >= kWireBytes;
  bytes = bytes.substr(0, kWireBytes);
  for (;;) {
    const std::string_view record = bytes.substr(x_read);
    if (!begins_with(record, kHandshakeRecord, kMajorVersion)) return State::kNotTls;
    if (record.size() < kRecordHeader) break;
    const size_t length = number(record.substr(3, 2));
    if (length == 0 || length > kRecordBytes) return State::kNotTls;
    const std::string_view fragment = record.substr(kRecordHeader, length);

    // Most hellos are one record, of which nothing has to be copied.
    if (x_joined.empty()) {
      const State state = parse(fragment);
      if (state != State::kMore) return state;
    }
    if (fragment.size() < length) break;
    x_joined.append(fragment);
    x_read += kRecordHeader + length;
    const State state = parse(x_joined);
    if (state != State::kMore) return state;
  }
  return is_full ? State::kDone : State::kMore;
}

// `message` may be the beginning of one, or have something behind it.
ClientHelloReader::State ClientHelloReader::parse(std::string_view message) {
  if (!message.empty() && message.front() != kClientHello) return State::kNotTls;
  if (message.size() < kMessageHeader) return State::kMore;
  const size_t length = number(message.substr(1, 3));
  if (length > kMessageBytes) return State::kDone;
  if (message.size() < kMessageHeader + length) return State::kMore;
  ClientHello hello;
  if (!read_body(message.substr(kMessageHeader, length), hello)) return State::kNotTls;
  x_hello = hello;
  return State::kDone;
}

}  // namespace outrigger::io
