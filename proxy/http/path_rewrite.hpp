// Puts another beginning in the place of that of a request's path. The beginning ends where a
// segment does ("/v2" is one of "/v2/x", not of "/v20"); the query stays as it is; the result is
// never empty, and no "//" comes about where the two parts meet. Owned by a route; immutable, any
// thread.
#pragma once

#include <string>
#include <string_view>

#include "proxy/base/arena.hpp"

namespace outrigger::http {

class PathRewrite {
 public:
  // Both begin with '/'; one at their end means nothing.
  PathRewrite(std::string_view from, std::string_view to);

  // `target` in origin form or "*", as it is where its path does not begin so. The path is looked
  // at as it was written, then in its canonical form (path.hpp), in which its route was found: no
  // spelling goes around it.
  std::string_view apply(std::string_view target, Arena& arena) const;

 private:
  const std::string x_from;  // without '/' at the end, so that of the root is empty
  const std::string x_to;
};

}  // namespace outrigger::http
