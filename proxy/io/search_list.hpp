// The search list of resolv.conf(5): which names stand for one that was written without a dot at
// its end. Read here and not by c-ares, whose versions differ in what they tell of it. A value.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace outrigger::io {

struct SearchList {
  std::vector<std::string> domains;
  int ndots = 1;

  // As that file says, the environment (LOCALDOMAIN, RES_OPTIONS), or else the name of the host.
  static SearchList of_system(const std::string& resolv_conf);

  // The names to ask for, in their order and each once, with a dot at the end. With `ndots` dots or
  // more a name comes first as it is written, with fewer last. The domain "." is the root: the name
  // as it is written.
  std::vector<std::string> names_for(std::string_view name) const;
};

}  // namespace outrigger::io
