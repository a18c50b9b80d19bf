#include "proxy/io/search_list.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include <unistd.h>

namespace outrigger::io {
namespace {

constexpr int kMostDots = 15;  // as the system's resolver

void take_options(std::istream& words, SearchList& list) {
  constexpr std::string_view kNdots = "ndots:";
  for (std::string word; words >> word;) {
    if (!word.starts_with(kNdots)) continue;
    int ndots = 0;
    const char* const end = word.data() + word.size();
    if (std::from_chars(word.data() + kNdots.size(), end, ndots).ec != std::errc()) continue;
    list.ndots = std::clamp(ndots, 0, kMostDots);
  }
}

void take_domains(std::istream& words, size_t most, SearchList& list) {
  list.domains.clear();
  for (std::string word; list.domains.size() < most && words >> word;) {
    list.domains.push_back(word);
  }
}

std::string domain_of_host() {
  std::array<char, 256> host{};
  if (::gethostname(host.data(), host.size() - 1) != 0) return {};
  const std::string name = host.data();
  const size_t dot = name.find('.');
  return dot == std::string::npos ? std::string() : name.substr(dot + 1);
}

}  // namespace

// The last of several lines counts.
SearchList SearchList::of_system(const std::string& resolv_conf) {
  constexpr size_t kAll = 64;
  SearchList list;
  bool is_said = false;
  std::ifstream file(resolv_conf);
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string keyword;
    words >> keyword;
    if (keyword == "options") take_options(words, list);
    if (keyword != "search" && keyword != "domain") continue;
    take_domains(words, keyword == "search" ? kAll : 1, list);
    is_said = true;
  }
  if (const char* const said = std::getenv("RES_OPTIONS")) {
    std::istringstream words(said);
    take_options(words, list);
  }
  if (const char* const said = std::getenv("LOCALDOMAIN")) {
    std::istringstream words(said);
    take_domains(words, kAll, list);
    is_said = true;
  }
  if (!is_said) list.domains = {domain_of_host()};
  return list;
}

std::vector<std::string> SearchList::names_for(std::string_view name) const {
  if (name.ends_with('.')) return {std::string(name)};
  std::vector<std::string> names;
  const auto add = [&](std::string_view domain) {
    while (domain.starts_with('.')) domain.remove_prefix(1);
    while (domain.ends_with('.')) domain.remove_suffix(1);
    std::string full = std::string(name) + '.';
    if (!domain.empty()) full += std::string(domain) + '.';
    if (std::ranges::find(names, full) == names.end()) names.push_back(std::move(full));
  };
  const bool is_first = std::ranges::count(name, '.') >= ndots;
  if (is_first) add("");
  for (const std::string& domain : domains) add(domain);
  add("");
  return names;
}

}  // namespace outrigger::io
