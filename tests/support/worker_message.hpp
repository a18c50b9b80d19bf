// HTTP/1.1 messages as the two ends of a scenario see them: read from raw bytes by a reader of its
// own, so that a mistake of the product's parser is not repeated by its tests. Strict about what
// the product writes: anything odd is a test failure. Plain values.
#pragma once

#include <algorithm>
#include <cctype>
#include <charconv>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace outrigger::testing {

inline bool same_letters(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
    return std::tolower(static_cast<unsigned char>(x)) ==
           std::tolower(static_cast<unsigned char>(y));
  });
}

struct Message {
  std::string start;  // the first line
  std::vector<std::pair<std::string, std::string>> fields;
  std::string body;  // as it means, without chunk framing
  bool has_head = false;
  bool complete = false;
  bool malformed = false;
  size_t needs = 0;    // so many bytes make it complete, where that is declared
  int64_t at_ms = 0;   // when it was complete
  int connection = 0;  // at an origin: on its how-manieth connection it came

  int status() const {
    int code = 0;
    if (start.size() >= 12) std::from_chars(start.data() + 9, start.data() + 12, code);
    return code;
  }
  std::string method() const { return start.substr(0, start.find(' ')); }
  std::string target() const {
    const size_t from = start.find(' ') + 1;
    return start.substr(from, start.rfind(' ') - from);
  }
  int count(std::string_view name) const {
    return static_cast<int>(std::count_if(fields.begin(), fields.end(), [&](const auto& field) {
      return same_letters(field.first, name);
    }));
  }
  bool has(std::string_view name) const { return count(name) > 0; }
  // Of the first such field; empty when there is none.
  std::string field(std::string_view name) const {
    for (const auto& [key, value] : fields) {
      if (same_letters(key, name)) return value;
    }
    return {};
  }
};

// Reads one message from the front of `bytes` as far as it is there. Returns what it occupies once
// it is complete, else 0. `asked`: the method of the request that a response answers; empty for
// requests. `ended`: no more will come.
class MessageReader {
 public:
  static size_t read(std::string_view bytes, std::string_view asked, bool ended, Message& to) {
    to = {};
    const size_t head_end = bytes.find("\r\n\r\n");
    if (head_end == std::string_view::npos) return 0;
    read_head(bytes.substr(0, head_end), to);
    const size_t begin = head_end + 4;
    const std::string_view rest = bytes.substr(begin);
    const int status = asked.empty() ? 0 : to.status();
    if (asked == "HEAD" || status / 100 == 1 || status == 204 || status == 304) {
      to.complete = true;
      return begin;
    }
    if (same_letters(to.field("transfer-encoding"), "chunked")) {
      const size_t used = read_chunks(rest, to);
      return used > 0 ? begin + used : 0;
    }
    if (to.has("content-length")) {
      const size_t length = std::stoul(to.field("content-length"));
      to.needs = begin + length;
      to.body = rest.substr(0, length);
      to.complete = to.body.size() == length;
      return to.complete ? begin + length : 0;
    }
    if (asked.empty()) {
      to.complete = true;
      return begin;
    }
    to.body = rest;
    to.complete = ended;
    return ended ? bytes.size() : 0;
  }

 private:
  static void read_head(std::string_view head, Message& to) {
    to.has_head = true;
    size_t at = head.find("\r\n");
    to.start = head.substr(0, at);
    while (at != std::string_view::npos) {
      head.remove_prefix(at + 2);
      at = head.find("\r\n");
      const std::string_view line = head.substr(0, at);
      const size_t colon = line.find(": ");
      if (colon == std::string_view::npos) {
        to.malformed = true;
        continue;
      }
      to.fields.emplace_back(line.substr(0, colon), line.substr(colon + 2));
    }
    to.malformed = to.malformed || to.count("content-length") + to.count("transfer-encoding") > 1;
  }

  static size_t read_chunks(std::string_view bytes, Message& to) {
    const size_t all = bytes.size();
    while (true) {
      const size_t line_end = bytes.find("\r\n");
      if (line_end == std::string_view::npos) return 0;
      size_t size = 0;
      const auto result = std::from_chars(bytes.data(), bytes.data() + line_end, size, 16);
      if (result.ec != std::errc{}) {
        to.malformed = true;
        return 0;
      }
      bytes.remove_prefix(line_end + 2);
      if (size == 0) break;
      to.body += bytes.substr(0, size);
      if (bytes.size() < size + 2) return 0;
      bytes.remove_prefix(size + 2);
    }
    if (bytes.starts_with("\r\n")) {
      to.complete = true;
      return all - bytes.size() + 2;
    }
    const size_t end = bytes.find("\r\n\r\n");
    if (end == std::string_view::npos) return 0;
    Message trailers;
    read_head(std::string("\r\n") + std::string(bytes.substr(0, end)), trailers);
    for (auto& field : trailers.fields) to.fields.push_back(std::move(field));
    to.complete = true;
    return all - bytes.size() + end + 4;
  }
};

inline std::string http_text(std::string_view start, std::string_view fields,
                             std::string_view body) {
  std::string text = std::string(start) + "\r\n" + std::string(fields);
  text += "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n";
  return text + std::string(body);
}

}  // namespace outrigger::testing
