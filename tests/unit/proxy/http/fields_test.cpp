#include "proxy/http/fields.hpp"

#include <cctype>
#include <set>

#include <gtest/gtest.h>

#include "proxy/http/message.hpp"

namespace outrigger::http {
namespace {

constexpr int kNames = static_cast<int>(Name::kXRequestId) + 1;

std::string names_of(const Fields& fields) {
  std::string text;
  for (const Field& field : fields)
    text += std::string(field.name) + "=" + std::string(field.value) + " ";
  return text;
}

TEST(Fields, InternsEveryKnownNameInAnyCase) {
  std::set<std::string_view> seen;
  for (int i = 1; i < kNames; ++i) {
    const auto name = static_cast<Name>(i);
    std::string text(to_string(name));
    EXPECT_TRUE(seen.insert(to_string(name)).second);
    EXPECT_EQ(intern(text), name) << text;
    for (char& c : text) c = static_cast<char>(std::toupper(c));
    EXPECT_EQ(intern(text), name) << text;
  }
}

TEST(Fields, InternsNothingElse) {
  for (int i = 1; i < kNames; ++i) {
    const std::string known(to_string(static_cast<Name>(i)));
    for (size_t at = 0; at < known.size(); ++at) {
      for (const char c : {'_', 'q', '0', '.', '~', '^'}) {
        std::string other = known;
        other[at] = c;
        if (other != known && intern(other) != Name::kOther) {
          EXPECT_EQ(to_string(intern(other)), other);
        }
      }
      EXPECT_EQ(intern(known.substr(0, at)), Name::kOther) << known.substr(0, at);
    }
    EXPECT_EQ(intern(known + "x"), Name::kOther);
  }
  EXPECT_EQ(intern(""), Name::kOther);
  EXPECT_EQ(intern("x"), Name::kOther);
}

TEST(Fields, FindsByNameWithoutRegardToCase) {
  Arena arena({});
  Fields fields;
  fields.add(arena, "X-A", "1");
  fields.add(arena, "hOST", "2");
  EXPECT_EQ(fields.find("x-a")->value, "1");
  EXPECT_EQ(fields.find("Host")->value, "2");
  EXPECT_EQ(fields.value(Name::kHost), "2");
  EXPECT_EQ(fields.find("x-b"), nullptr);
  EXPECT_EQ(fields.value(Name::kCookie), "");
}

TEST(Fields, SetsOneInThePlaceOfTheFirst) {
  Arena arena({});
  Fields fields;
  for (const auto* name : {"A", "B", "a", "C", "A"}) fields.add(arena, name, "0");
  fields.set(arena, "a", "1");
  EXPECT_EQ(names_of(fields), "A=1 B=0 C=0 ");
  fields.set(arena, "D", "2");
  EXPECT_EQ(names_of(fields), "A=1 B=0 C=0 D=2 ");
  fields.set(arena, Name::kHost, "h");
  fields.set(arena, Name::kHost, "i");
  EXPECT_EQ(fields.count(Name::kHost), 1U);
}

TEST(Fields, RemovesAllOfAName) {
  Arena arena({});
  Fields fields;
  for (const auto* name : {"a", "Cookie", "A", "cookie", "b"}) fields.add(arena, name, "0");
  fields.remove("A");
  fields.remove(Name::kCookie);
  EXPECT_EQ(names_of(fields), "b=0 ");
}

TEST(Fields, GrowsAndKeepsTheOrder) {
  Arena arena({});
  Fields fields;
  std::string wanted;
  for (int i = 0; i < 100; ++i) {
    fields.add(arena, arena.copy("n" + std::to_string(i)), "v");
    wanted += "n" + std::to_string(i) + "=v ";
  }
  EXPECT_EQ(names_of(fields), wanted);
}

TEST(Fields, ClonesWithoutSharingTheList) {
  Arena arena({});
  Fields fields;
  fields.add(arena, "a", "1");
  Fields copy = fields.clone(arena);
  copy.set(arena, "a", "2");
  copy.add(arena, "b", "3");
  EXPECT_EQ(names_of(fields), "a=1 ");
  EXPECT_EQ(names_of(copy), "a=2 b=3 ");
}

TEST(Message, KnowsMethodsByTheirExactName) {
  EXPECT_EQ(method_from("GET"), Method::kGet);
  EXPECT_EQ(method_from("OPTIONS"), Method::kOptions);
  EXPECT_EQ(method_from("get"), Method::kOther);
  EXPECT_EQ(method_from("GETX"), Method::kOther);
  EXPECT_EQ(method_from(""), Method::kOther);
}

TEST(Message, KnowsWhatMayBeRepeated) {
  EXPECT_TRUE(is_safe(Method::kHead));
  EXPECT_FALSE(is_safe(Method::kPut));
  EXPECT_TRUE(is_idempotent(Method::kPut));
  EXPECT_TRUE(is_idempotent(Method::kDelete));
  EXPECT_FALSE(is_idempotent(Method::kPost));
  EXPECT_FALSE(is_idempotent(Method::kPatch));
  EXPECT_FALSE(is_idempotent(Method::kOther));
}

}  // namespace
}  // namespace outrigger::http
