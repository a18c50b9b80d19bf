// The header or trailer fields of one message, in order, as views into the arena of its exchange.
// Names that the proxy itself looks at are interned: comparing one is comparing a byte. Names keep
// the case in which they came; comparison ignores it. (RFC 9110 section 5.) One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "proxy/base/arena.hpp"

namespace outrigger::http {

enum class Name : uint8_t {
  kOther,
  kAccept,
  kAge,
  kAuthorization,
  kBaggage,
  kCacheControl,
  kCacheStatus,
  kConnection,
  kContentLength,
  kContentType,
  kCookie,
  kDate,
  kExpect,
  kExpires,
  kGrpcStatus,
  kGrpcTimeout,
  kHost,
  kHttp2Settings,
  kIdempotencyKey,
  kKeepAlive,
  kMaxForwards,
  kProxyAuthenticate,
  kProxyAuthorization,
  kProxyConnection,
  kProxyStatus,
  kRetryAfter,
  kSetCookie,
  kTe,
  kTraceparent,
  kTracestate,
  kTrailer,
  kTransferEncoding,
  kUpgrade,
  kUserAgent,
  kVary,
  kVia,
  kXRequestId,
};

// kOther for a name that is not interned.
Name intern(std::string_view name);
std::string_view to_string(Name name);                   // lower case
bool same_name(std::string_view a, std::string_view b);  // ASCII, case-insensitive

struct Field {
  std::string_view name;
  std::string_view value;
  Name id = Name::kOther;
};

class Fields {
 public:
  Fields() = default;

  const Field* begin() const { return x_fields; }
  const Field* end() const { return x_fields + x_size; }
  size_t size() const { return x_size; }
  bool empty() const { return x_size == 0; }

  // The first of that name, or null.
  const Field* find(Name id) const {
    for (const Field& field : *this) {
      if (field.id == id) return &field;
    }
    return nullptr;
  }
  const Field* find(std::string_view name) const;
  // The value of the first of that name, or empty.
  std::string_view value(Name id) const {
    const Field* field = find(id);
    return field == nullptr ? std::string_view() : field->value;
  }
  size_t count(Name id) const;

  // Name and value must live as long as the arena (see Arena::copy).
  void add(Arena& arena, const Field& field) { append(arena) = field; }
  // The same, to be filled in by the caller.
  Field& append(Arena& arena) {
    if (x_size == x_capacity) grow(arena);
    return x_fields[x_size++];
  }
  void add(Arena& arena, std::string_view name, std::string_view value) {
    add(arena, Field{name, value, intern(name)});
  }
  void add(Arena& arena, Name id, std::string_view value) {
    add(arena, {to_string(id), value, id});
  }
  // Replaces all of that name by one, at the place of the first.
  void set(Arena& arena, std::string_view name, std::string_view value);
  void set(Arena& arena, Name id, std::string_view value) { set(arena, to_string(id), value); }
  void remove(Name id);
  void remove(std::string_view name);
  // Keeps those for which keep(const Field&) holds, in order.
  template <class F>
  void keep_if(F keep) {
    size_t kept = 0;
    for (size_t i = 0; i < x_size; ++i) {
      if (keep(static_cast<const Field&>(x_fields[i]))) x_fields[kept++] = x_fields[i];
    }
    x_size = static_cast<uint16_t>(kept);
  }
  void reserve(Arena& arena, size_t count);

  // A copy of the list (not of the text) that can be edited by itself.
  Fields clone(Arena& arena) const;

 private:
  void grow(Arena& arena);

  Field* x_fields = nullptr;
  uint16_t x_size = 0;
  uint16_t x_capacity = 0;
};

// Calls visit(std::string_view) for each element of a comma-separated list (RFC 9110
// section 5.6.1), without surrounding white space; empty elements are left out.
template <class F>
void for_each_element(std::string_view list, F visit) {
  constexpr std::string_view kBlank = " \t";
  while (!list.empty()) {
    const size_t comma = list.find(',');
    std::string_view element = list.substr(0, comma);
    list.remove_prefix(comma == std::string_view::npos ? list.size() : comma + 1);
    const size_t first = element.find_first_not_of(kBlank);
    if (first == std::string_view::npos) continue;
    visit(element.substr(first, element.find_last_not_of(kBlank) - first + 1));
  }
}

}  // namespace outrigger::http
