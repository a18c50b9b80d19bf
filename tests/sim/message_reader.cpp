#include "tests/sim/message_reader.hpp"

#include <algorithm>
#include <charconv>

namespace outrigger::sim {
namespace {

constexpr std::string_view kLineEnd = "\r\n";
constexpr std::string_view kHeadEnd = "\r\n\r\n";
constexpr size_t kHeadMax = 256 * 1024;

bool parse(std::string_view text, int base, uint64_t& value) {
  if (text.empty()) return false;
  const auto [at, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  return error == std::errc{} && at == text.data() + text.size();
}

// False when a line is not exactly right.
bool parse_head(std::string_view text, Head& head) {
  size_t line_end = text.find(kLineEnd);
  head.start = text.substr(0, line_end);
  text.remove_prefix(line_end + kLineEnd.size());
  while (text != kLineEnd) {
    line_end = text.find(kLineEnd);
    const std::string_view line = text.substr(0, line_end);
    text.remove_prefix(line_end + kLineEnd.size());
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos || colon == 0) return false;
    std::string name(line.substr(0, colon));
    for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    if (name.find_first_of(" \t") != std::string::npos) return false;
    std::string_view value = line.substr(colon + 1);
    while (!value.empty() && value.front() == ' ') value.remove_prefix(1);
    head.fields.emplace_back(std::move(name), value);
  }
  return true;
}

}  // namespace

void MessageReader::feed(std::string_view bytes) {
  while (!bytes.empty() && x_wrong.empty() && !x_events.is_deaf()) {
    if (x_state == State::kHead) {
      const size_t searched = x_text.size() < 3 ? 0 : x_text.size() - 3;
      const size_t before = x_text.size();
      x_text += bytes;
      const size_t end = x_text.find(kHeadEnd, searched);
      if (end == std::string::npos) {
        if (x_text.size() > kHeadMax) x_wrong = "a head without an end";
        return;
      }
      const size_t size = end + kHeadEnd.size();
      bytes.remove_prefix(size - before);
      x_text.resize(size);
      take_head();
    } else if (x_state == State::kChunkSize || x_state == State::kChunkEnd ||
               x_state == State::kTrailers) {
      line(bytes);
    } else {
      body(bytes);
    }
  }
}

void MessageReader::end() {
  if (x_state == State::kUntilClose) finish();
}

void MessageReader::take_head() {
  Head head;
  if (!parse_head(x_text, head)) {
    x_wrong = "a malformed head: " + x_text.substr(0, 200);
    return;
  }
  x_text.clear();
  decide_body(head);
}

void MessageReader::decide_body(const Head& head) {
  const bool chunked = head.field("transfer-encoding") == "chunked";
  const bool has_length = head.has("content-length");
  const int status = x_side == Side::kResponses ? head.status() : 0;
  if (x_side == Side::kResponses && status < 100) {
    x_wrong = "a malformed status line: " + head.start;
    return;
  }
  if (head.has("transfer-encoding") && (!chunked || has_length)) {
    x_wrong = "ambiguous framing";
    return;
  }
  if (has_length && !parse(head.field("content-length"), 10, x_left)) {
    x_wrong = "a malformed Content-Length";
    return;
  }
  const bool interim = status >= 100 && status < 200;
  const bool bare = interim || status == 204 || status == 304 || x_events.answers_head();
  if (bare || (x_side == Side::kRequests && !chunked && !has_length)) {
    x_state = State::kLength;
    x_left = 0;
  } else {
    x_state = chunked ? State::kChunkSize : has_length ? State::kLength : State::kUntilClose;
  }
  x_events.on_head(head);
  if (interim) {
    x_state = State::kHead;
  } else if (x_state == State::kLength && x_left == 0 && !x_events.is_deaf()) {
    finish();
  }
}

void MessageReader::body(std::string_view& bytes) {
  const size_t count =
      x_state == State::kUntilClose ? bytes.size() : std::min<size_t>(x_left, bytes.size());
  x_events.on_body(bytes.substr(0, count));
  bytes.remove_prefix(count);
  if (x_state == State::kUntilClose) return;
  x_left -= count;
  if (x_left > 0 || x_events.is_deaf()) return;
  if (x_state == State::kChunk) {
    x_state = State::kChunkEnd;
  } else {
    finish();
  }
}

void MessageReader::line(std::string_view& bytes) {
  const size_t before = x_text.size();
  x_text += bytes;
  const size_t end = x_text.find(kLineEnd);
  if (end == std::string::npos) {
    bytes = {};
    if (x_text.size() > kHeadMax) x_wrong = "a line without an end";
    return;
  }
  bytes.remove_prefix(end + kLineEnd.size() - before);
  x_text.resize(end);
  if (x_state == State::kChunkSize) return take_chunk_size();
  const bool is_empty = x_text.empty();
  x_text.clear();
  if (x_state == State::kChunkEnd) {
    if (!is_empty) x_wrong = "a chunk longer than it said";
    x_state = State::kChunkSize;
  } else if (is_empty) {
    finish();
  }
}

void MessageReader::take_chunk_size() {
  const bool right = parse(x_text, 16, x_left);
  if (!right) x_wrong = "a malformed chunk size: " + x_text.substr(0, 40);
  x_text.clear();
  x_state = x_left > 0 ? State::kChunk : State::kTrailers;
}

void MessageReader::finish() {
  x_state = State::kHead;
  x_events.on_message_end();
}

}  // namespace outrigger::sim
