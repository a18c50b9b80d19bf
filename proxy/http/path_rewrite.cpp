#include "proxy/http/path_rewrite.hpp"

#include <algorithm>

#include "proxy/http/path.hpp"

namespace outrigger::http {
namespace {

std::string_view without_end(std::string_view prefix) {
  while (prefix.ends_with('/')) prefix.remove_suffix(1);
  return prefix;
}

bool begins_with(std::string_view path, std::string_view prefix) {
  return path.starts_with(prefix) && (path.size() == prefix.size() || path[prefix.size()] == '/');
}

}  // namespace

PathRewrite::PathRewrite(std::string_view from, std::string_view to)
    : x_from(without_end(from)), x_to(without_end(to)) {}

std::string_view PathRewrite::apply(std::string_view target, Arena& arena) const {
  if (!target.starts_with('/')) return target;
  const std::string_view query = target.substr(std::min(target.find('?'), target.size()));
  std::string_view path = target.substr(0, target.size() - query.size());
  if (!begins_with(path, x_from)) path = canonical_path(path, arena);
  if (!begins_with(path, x_from)) return target;
  path.remove_prefix(x_from.size());
  const size_t slashes = std::min(path.find_first_not_of('/'), path.size());
  if (slashes > 1) path.remove_prefix(slashes - 1);
  if (path.empty() && x_to.empty()) path = "/";
  return arena.concat({x_to, path, query});
}

}  // namespace outrigger::http
