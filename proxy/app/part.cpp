#include "proxy/app/part.hpp"

#include <utility>

namespace outrigger::app {
namespace {

// Where it is written: the nearest key above that is.
std::optional<config::Place> place_of(const config::Loaded& loaded, const std::string& path) {
  constexpr std::string_view kListeners = "listeners.";
  constexpr std::string_view kServices = "services.";
  if (path.starts_with(kListeners)) {
    const std::string rest = path.substr(kListeners.size());
    return config::where_listener(loaded, rest.substr(0, rest.find('.')));
  }
  if (path.starts_with(kServices)) {
    const std::string rest = path.substr(kServices.size());
    const size_t dot = rest.find('.');
    const config::Target target{rest.substr(0, dot), ""};
    const std::string key = dot == std::string::npos ? "" : rest.substr(dot + 1);
    if (auto place = config::where(loaded, target, key)) return place;
    return config::where(loaded, target);
  }
  for (std::string key = path; !key.empty();) {
    if (auto place = config::where_key(loaded, key)) return place;
    const size_t dot = key.rfind('.');
    key.resize(dot == std::string::npos ? 0 : dot);
  }
  return std::nullopt;
}

}  // namespace

void Proposal::refuse(const std::string& path, std::string why) {
  config::Problem problem;
  problem.path = path;
  problem.what = std::move(why);
  if (const auto place = place_of(x_loaded, path)) {
    problem.file = place->file;
    problem.line = place->line;
    problem.column = place->column;
    problem.what.insert(0, path + ": ");
  }
  x_problems.push_back(std::move(problem));
}

}  // namespace outrigger::app
