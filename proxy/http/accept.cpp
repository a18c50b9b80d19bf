#include "proxy/http/accept.hpp"

#include <algorithm>

#include "proxy/http/text.hpp"

namespace outrigger::http {
namespace {

// `application/vnd.shop+json` as `application/vnd.shop.v2+json`.
std::string with_version(std::string_view type, std::string_view version) {
  const size_t end = std::min(type.rfind('+'), type.size());
  return std::string(type.substr(0, end)) + ".v" + std::string(version) +
         std::string(type.substr(end));
}

// A weight (RFC 9110 section 12.4.2): 0 or 1 with at most three decimals.
bool is_weight(std::string_view text) {
  constexpr size_t kLongest = 5;
  if (text.empty() || text.size() > kLongest || (text[0] != '0' && text[0] != '1')) return false;
  if (text.size() > 1 && text[1] != '.') return false;
  const std::string_view decimals = text.substr(std::min<size_t>(2, text.size()));
  if (text[0] == '1') return decimals.find_first_not_of('0') == std::string_view::npos;
  return all_of_class(decimals, kDigitChar);
}

bool is_zero(std::string_view weight) {
  return weight.find_first_not_of("0.") == std::string_view::npos;
}

}  // namespace

// A media range, as far as it matters here.
struct AcceptMatch::Range {
  // Of a parameter: a token, or what is between the quotes.
  struct Value {
    std::string_view text;
    bool is_there = false;

    // A backslash is of a quoted value, and stands before what is meant (RFC 9110 section 5.6.4).
    bool is(std::string_view wanted) const {
      size_t at = 0;
      for (size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '\\') ++i;
        if (at == wanted.size() || text[i] != wanted[at]) return false;
        ++at;
      }
      return at == wanted.size();
    }
  };

  std::string_view type;
  Value version;
  Value weight;
};

// The members of one line, from left to right.
class AcceptMatch::Line {
 public:
  explicit Line(std::string_view rest) : x_rest(rest) {}

  // The next one that is well-formed. False: there is none.
  bool next(Range& out) {
    while (true) {
      while (take(',') || take(' ') || take('\t')) continue;
      if (x_rest.empty()) return false;
      if (read(out = {})) return true;
      pass_over();
    }
  }

 private:
  bool at(char c) const { return !x_rest.empty() && x_rest.front() == c; }
  bool take(char c) {
    if (!at(c)) return false;
    x_rest.remove_prefix(1);
    return true;
  }
  void take_blanks() {
    while (take(' ') || take('\t')) continue;
  }
  bool at_end() const { return x_rest.empty() || at(','); }

  std::string_view take_token() {
    size_t size = 0;
    while (size < x_rest.size() && (classes_of(x_rest[size]) & kTokenChar) != 0) ++size;
    const std::string_view token = x_rest.substr(0, size);
    x_rest.remove_prefix(size);
    return token;
  }

  // From behind the opening quote to behind the closing one.
  bool take_quoted(std::string_view& out) {
    for (size_t i = 0; i < x_rest.size(); ++i) {
      if (x_rest[i] == '\\') {
        ++i;
      } else if (x_rest[i] == '"') {
        out = x_rest.substr(0, i);
        x_rest.remove_prefix(i + 1);
        return true;
      }
    }
    x_rest = {};
    return false;
  }

  bool read(Range& out) {
    const std::string_view from = x_rest;
    if (take_token().empty() || !take('/') || take_token().empty()) return false;
    out.type = from.substr(0, from.size() - x_rest.size());
    while (true) {
      take_blanks();
      if (at_end()) return true;
      if (!take(';')) return false;
      take_blanks();
      if (at_end() || at(';')) continue;
      if (!read_parameter(out)) return false;
    }
  }

  bool read_parameter(Range& out) {
    const std::string_view name = take_token();
    if (name.empty() || !take('=')) return false;
    const bool is_quoted = take('"');
    std::string_view value;
    if (is_quoted ? !take_quoted(value) : (value = take_token()).empty()) return false;
    const bool is_of_weight = same_name(name, "q");
    if (is_of_weight && (is_quoted || !is_weight(value))) return false;
    if (!is_of_weight && !same_name(name, "version")) return true;
    Range::Value& known = is_of_weight ? out.weight : out.version;
    if (known.is_there) return false;  // which of the two is meant?
    known = {value, true};
    return true;
  }

  // To the comma that ends a member.
  void pass_over() {
    std::string_view unused;
    while (!at_end()) {
      if (take('"')) {
        take_quoted(unused);
      } else {
        x_rest.remove_prefix(1);
      }
    }
  }

  std::string_view x_rest;
};

AcceptMatch::AcceptMatch(std::string_view type, std::optional<std::string> version)
    : x_type(type),
      x_version(std::move(version)),
      x_versioned_type(x_version ? with_version(type, *x_version) : "") {}

bool AcceptMatch::matches(const Fields& fields) const {
  return std::any_of(fields.begin(), fields.end(), [&](const Field& field) {
    return field.id == Name::kAccept && matches(field.value);
  });
}

bool AcceptMatch::matches(std::string_view line) const {
  Line members(line);
  for (Range range; members.next(range);) {
    if (is_asked_by(range)) return true;
  }
  return false;
}

bool AcceptMatch::is_asked_by(const Range& range) const {
  if (range.weight.is_there && is_zero(range.weight.text)) return false;
  if (same_name(range.type, x_type)) return !x_version || range.version.is(*x_version);
  // One that says its version twice says the same.
  return x_version && same_name(range.type, x_versioned_type) &&
         (!range.version.is_there || range.version.is(*x_version));
}

}  // namespace outrigger::http
