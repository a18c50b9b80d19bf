#pragma once
// The kinds of value in a route: which calls it is for, where they go and in which form. See
// visitors.hpp for what a kind is.

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "config/kinds.hpp"
#include "config/model.hpp"

namespace outrigger::config {

inline constexpr std::array<std::string_view, 2> kWhenOpenWords = {"others", "refuse"};
// The service itself, among the targets of its route.
inline constexpr std::string_view kSelf = "self";

struct RoutePath {
  static constexpr bool kContainer = false;

  void read(Reader& reader, const Node& node, std::string& out) const;
  Node write(const std::string& path) const { return Node::string(path.empty() ? "*" : path); }
  Node schema() const { return Text{}.schema(); }
};

// Routes are read after their service, whose policies they stand on; see services.cpp.
struct Routes {
  static constexpr bool kContainer = true;

  void read(Reader& reader, const Node& node, std::vector<RouteConfig>& out) const;
  Node write(const std::vector<RouteConfig>& routes) const;
  Node schema() const;
};

// `application/vnd.shop+json`; reading leaves it as it is written.
Text media_type_kind();
Text version_kind();
Text cookie_kind();

// The name of a service, or a weight for each of several. Who they are and what policies they have
// is filled in by who reads the route.
struct Targets {
  static constexpr bool kContainer = true;

  void read(Reader& reader, const Node& node, std::vector<RouteTarget>& out) const;
  Node write(const std::vector<RouteTarget>& targets) const;  // null where there are none
  Node schema() const;
};

// [FROM, TO].
struct PathPrefixKind {
  static constexpr bool kContainer = false;

  void read(Reader& reader, const Node& node, PathPrefix& out) const;
  Node write(const PathPrefix& prefix) const;
  Node schema() const;
};

// `upstream` or a name.
struct RewrittenHost {
  static constexpr bool kContainer = false;

  void read(Reader& reader, const Node& node, Authority& out) const;
  Node write(const Authority& authority) const;
  Node schema() const;
};

}  // namespace outrigger::config
