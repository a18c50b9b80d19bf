#include "proxy/http/fields.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "proxy/base/assert.hpp"
#include "proxy/http/text.hpp"

namespace outrigger::http {
namespace {

constexpr std::array<std::string_view, 37> kNames = {
    "",
    "accept",
    "age",
    "authorization",
    "baggage",
    "cache-control",
    "cache-status",
    "connection",
    "content-length",
    "content-type",
    "cookie",
    "date",
    "expect",
    "expires",
    "grpc-status",
    "grpc-timeout",
    "host",
    "http2-settings",
    "idempotency-key",
    "keep-alive",
    "max-forwards",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "proxy-status",
    "retry-after",
    "set-cookie",
    "te",
    "traceparent",
    "tracestate",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "vary",
    "via",
    "x-request-id",
};
static_assert(kNames.size() == static_cast<size_t>(Name::kXRequestId) + 1);

constexpr size_t kSlots = 256;

// The slot of a name of at least two characters, in either case.
constexpr size_t slot_of(std::string_view name, size_t a, size_t b, size_t c) {
  const auto folded = [](char at) { return static_cast<size_t>(static_cast<uint8_t>(at) | 0x20U); };
  return (name.size() * a + folded(name.front()) * b + folded(name[name.size() / 2]) * c +
          folded(name.back())) %
         kSlots;
}

struct PerfectHash {
  size_t a = 0;
  size_t b = 0;
  size_t c = 0;
  std::array<uint8_t, kSlots> names{};
};

// Found when this file is compiled: multipliers under which every known name has a slot of its own.
consteval PerfectHash find_perfect_hash() {
  for (size_t a = 1; a < 16; ++a) {
    for (size_t b = 1; b < 16; ++b) {
      for (size_t c = 1; c < 16; ++c) {
        PerfectHash hash{a, b, c, {}};
        size_t placed = 1;
        for (; placed < kNames.size(); ++placed) {
          uint8_t& slot = hash.names[slot_of(kNames[placed], a, b, c)];
          if (slot != 0) break;
          slot = static_cast<uint8_t>(placed);
        }
        if (placed == kNames.size()) return hash;
      }
    }
  }
  throw "no perfect hash: raise the bounds";
}
constexpr PerfectHash kHash = find_perfect_hash();

template <class Word>
bool folds_to(const char* a, const char* b) {
  constexpr Word kCase = static_cast<Word>(0x2020202020202020ULL);
  Word x;
  Word y;
  std::memcpy(&x, a, sizeof(Word));
  std::memcpy(&y, b, sizeof(Word));
  return (x | kCase) == y;
}

// `known` consists of lower-case letters, digits and '-', `name` of token characters: among those,
// setting bit 5 folds the case of letters and maps nothing else onto a character of `known`.
bool equals_known(std::string_view name, std::string_view known) {
  const char* const a = name.data();
  const char* const b = known.data();
  const size_t size = name.size();
  if (size >= 8) {
    for (size_t i = 0; i + 8 < size; i += 8) {
      if (!folds_to<uint64_t>(a + i, b + i)) return false;
    }
    return folds_to<uint64_t>(a + size - 8, b + size - 8);
  }
  if (size >= 4) {
    return folds_to<uint32_t>(a, b) && folds_to<uint32_t>(a + size - 4, b + size - 4);
  }
  return folds_to<uint16_t>(a, b) && folds_to<uint16_t>(a + size - 2, b + size - 2);
}

}  // namespace

Name intern(std::string_view name) {
  if (name.size() < 2) return Name::kOther;
  const size_t candidate = kHash.names[slot_of(name, kHash.a, kHash.b, kHash.c)];
  const std::string_view known = kNames[candidate];
  if (known.size() != name.size() || !equals_known(name, known)) return Name::kOther;
  return static_cast<Name>(candidate);
}

std::string_view to_string(Name name) { return kNames[static_cast<size_t>(name)]; }

bool same_name(std::string_view a, std::string_view b) {
  if (a == b) return true;  // as nearly all are written
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) {
           return to_lower(x) == to_lower(y);
         });
}

const Field* Fields::find(std::string_view name) const {
  const Name id = intern(name);
  if (id != Name::kOther) return find(id);
  for (const Field& field : *this) {
    if (field.id == Name::kOther && same_name(field.name, name)) return &field;
  }
  return nullptr;
}

size_t Fields::count(Name id) const {
  return static_cast<size_t>(
      std::count_if(begin(), end(), [id](const Field& field) { return field.id == id; }));
}

void Fields::reserve(Arena& arena, size_t count) {
  if (count <= x_capacity) return;
  Field* const larger = arena.array<Field>(count);
  std::copy(begin(), end(), larger);
  x_fields = larger;
  x_capacity = static_cast<uint16_t>(count);
}

// More than 65535 cannot come: both codecs bound the fields of a message far below.
void Fields::grow(Arena& arena) {
  OUTRIGGER_ASSERT(x_capacity <= UINT16_MAX / 2);
  reserve(arena, std::max<size_t>(16, x_capacity * size_t{2}));
}

void Fields::set(Arena& arena, std::string_view name, std::string_view value) {
  const Field* const first = find(name);
  if (first == nullptr) return add(arena, name, value);
  Field& kept = x_fields[first - x_fields];
  kept.value = value;
  const Field* const place = &kept;
  keep_if([&](const Field& field) {
    return &field <= place || field.id != place->id || !same_name(field.name, name);
  });
}

void Fields::remove(Name id) {
  keep_if([id](const Field& field) { return field.id != id; });
}

void Fields::remove(std::string_view name) {
  const Name id = intern(name);
  if (id != Name::kOther) return remove(id);
  keep_if([name](const Field& field) { return !same_name(field.name, name); });
}

Fields Fields::clone(Arena& arena) const {
  Fields copy;
  copy.reserve(arena, std::max<size_t>(16, x_size + size_t{4}));
  std::copy(begin(), end(), copy.x_fields);
  copy.x_size = x_size;
  return copy;
}

}  // namespace outrigger::http
