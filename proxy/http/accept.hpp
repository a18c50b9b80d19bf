// Whether Accept asks for one version of one media type: its lines are read by the grammar of RFC
// 9110 section 12.5.1 (media ranges, parameters, quoted values, weights), never searched for a
// text. A wildcard names no type, and a weight of 0 says "not acceptable", so neither asks for
// anything; a member that breaks the grammar is passed over. Owned by a route; immutable, any
// thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "proxy/http/fields.hpp"

namespace outrigger::http {

class AcceptMatch {
 public:
  // `type` is like `application/vnd.shop+json`. Its version 2 is asked for in two forms:
  // `application/vnd.shop+json; version=2` and `application/vnd.shop.v2+json`; versions are
  // compared as they are written. Without a version the type alone counts, whatever its parameters.
  AcceptMatch(std::string_view type, std::optional<std::string> version);

  // All lines of Accept are one list. Neither allocates.
  bool matches(const Fields& fields) const;
  bool matches(std::string_view line) const;

 private:
  struct Range;
  class Line;

  bool is_asked_by(const Range& range) const;

  const std::string x_type;
  const std::optional<std::string> x_version;
  const std::string x_versioned_type;  // `...v2...`; empty without a version
};

}  // namespace outrigger::http
