#include "proxy/http/h1_fields.hpp"

#include <llhttp.h>

#include "proxy/http/hop.hpp"
#include "proxy/http/mend.hpp"
#include "proxy/http/text.hpp"

namespace outrigger::http {
namespace {

constexpr bool is_blank(char c) { return c == ' ' || c == '\t'; }

// Takes llhttp's spans, which lie in one contiguous section, and checks that between them stands
// only what the grammar has there: ':' with white space, and CRLF. That finds folded lines and bare
// LFs. A field is complete when the next name begins.
struct Sink {
  const Side side;
  Arena& arena;
  FieldSection& section;
  uint32_t left;     // fields that may still come
  const char* line;  // where the next line must begin
  std::string_view name;
  std::string_view value;
  Cause cause = Cause::kMalformedRequest;  // if it fails

  bool on_name(std::string_view text) {
    if (!name.empty() && !end_field()) return false;
    name = text;
    value = {};
    return text.data() == line && !text.empty();
  }

  // A folded line gives a second span, which does not begin where a value does.
  void on_value(std::string_view text) { value = text; }

  bool end_field() {
    const char* const colon = name.data() + name.size();
    const char* end = value.data() + value.size();
    // Written as everybody writes it; else the white space has to be looked at.
    const bool plain =
        !value.empty() && colon + 2 == value.data() && colon[1] == ' ' && !is_blank(end[-1]);
    if (!plain && !trim_value(colon, end)) return false;
    if (*colon != ':' || end[0] != '\r' || end[1] != '\n') return false;
    line = end + 2;
    if (left == 0) {
      cause = Cause::kRequestHeadTooLarge;
      return false;
    }
    --left;
    section.add(side, {name, value, intern(name)}, arena);
    return true;
  }

  // Sets `end` behind the white space that follows the value.
  bool trim_value(const char* colon, const char*& end) {
    const char* begin = colon + 1;
    while (is_blank(*begin)) ++begin;
    end = begin;
    if (value.empty()) return true;
    if (begin != value.data()) return false;
    end += value.size();
    while (is_blank(*end)) ++end;
    value = trim(value);
    return true;
  }
};

Sink& sink_of(llhttp_t* parser) { return *static_cast<Sink*>(parser->data); }
int verdict(bool good) { return good ? 0 : -1; }

const llhttp_settings_t& settings() {
  static const llhttp_settings_t kSettings = [] {
    llhttp_settings_t made;
    llhttp_settings_init(&made);
    made.on_header_field = [](llhttp_t* parser, const char* at, size_t size) {
      return verdict(sink_of(parser).on_name({at, size}));
    };
    made.on_header_value = [](llhttp_t* parser, const char* at, size_t size) {
      sink_of(parser).on_value({at, size});
      return 0;
    };
    made.on_headers_complete = [](llhttp_t*) -> int { return HPE_PAUSED; };
    return made;
  }();
  return kSettings;
}

// A parser that has read a start line: copying it is cheaper than reading one, and lets the methods
// and versions that h1_head.cpp accepts differ from the lists llhttp was made with.
llhttp_t after(llhttp_type_t type, std::string_view start_line) {
  llhttp_t parser;
  llhttp_init(&parser, type, &settings());
  llhttp_execute(&parser, start_line.data(), start_line.size());
  return parser;
}

const llhttp_t& parser_after_start_line(Side side) {
  static const llhttp_t kRequest = after(HTTP_REQUEST, "GET / HTTP/1.1\r\n");
  static const llhttp_t kResponse = after(HTTP_RESPONSE, "HTTP/1.1 200 OK\r\n");
  return side == Side::kRequest ? kRequest : kResponse;
}

}  // namespace

void FieldSection::add_apart(const Field& field, Arena& arena) {
  if (field.id == Name::kHost) {
    host = field.value;
    ++hosts;
  } else if (is_hop_field(field.id)) {
    hop.take(field, arena);
  } else {
    framing.add(field);
  }
}

Cause parse_fields(Side side, std::string_view section, Arena& arena, uint32_t max_fields,
                   FieldSection& to) {
  if (!section.ends_with("\r\n")) return cause_of(side, Cause::kMalformedRequest);
  Sink sink{side, arena, to, max_fields, section.data(), {}, {}};
  llhttp_t parser = parser_after_start_line(side);
  parser.data = &sink;
  const llhttp_errno_t error = llhttp_execute(&parser, section.data(), section.size());
  const char* const empty_line = section.data() + section.size() - 2;
  const bool good =
      error == HPE_PAUSED && (sink.name.empty() || sink.end_field()) && sink.line == empty_line;
  if (good) return Cause::kNone;
  const bool mend = side == Side::kResponse && sink.cause == Cause::kMalformedRequest;
  if (!mend) return cause_of(side, sink.cause);
  to = {};
  return mend_fields(section, arena, max_fields, to);
}

}  // namespace outrigger::http
