#include "proxy/app/explain.hpp"

#include <array>
#include <cstddef>
#include <map>
#include <sstream>

#include "config/key_path.hpp"
#include "proxy/app/authority_of.hpp"
#include "proxy/chain/router.hpp"
#include "proxy/http/authority.hpp"
#include "proxy/http/grpc.hpp"
#include "proxy/http/h1_head.hpp"
#include "proxy/upstream/match.hpp"

namespace outrigger::app {
namespace {

using config::Loaded;

std::string at(const std::optional<config::Place>& place) {
  if (!place) return "  (built in)";
  return "  (" + place->file + ":" + std::to_string(place->line) + ")";
}

// The call as bytes, read as a listener would read them.
Result<http::RequestHead> parse(const Question& question, Arena& arena) {
  std::string text = question.method + " " + question.url + " HTTP/1.1\r\nHost: unused\r\n";
  for (const std::string& header : question.headers) text += header + "\r\n";
  text += "\r\n";
  auto head = http::parse_request_head(arena.copy(text), arena, {});
  if (!head) return failure(std::string(row_of(head.error()).sentence) + " (" + question.url + ")");
  if (!head->absolute_form && !head->tunnel) {
    return failure("the URL is http://HOST[:PORT]/PATH, or HOST:PORT of CONNECT");
  }
  return *head;
}

// The routes as the workers compile them, without the chains.
class Table {
 public:
  explicit Table(const config::Config& config) {
    for (const config::ServiceConfig& service : config.services) {
      chain::ServiceRoutes routes;
      routes.hosts = service.hosts;
      for (const config::RouteConfig& route : service.routes) {
        routes.routes.emplace_back(chain::match_of(route.match), route_of(service.name, &route));
      }
      routes.otherwise = route_of(service.name, nullptr);
      x_table.add(service.name, std::move(routes));
    }
  }

  const chain::Route* find(const http::RequestHead& request, Arena& arena) const {
    return x_table.find(request, arena);
  }
  // Null: it is the service's own.
  const config::RouteConfig* config_of(const chain::Route& route) const {
    return x_configs.at(&route);
  }

 private:
  std::unique_ptr<chain::Route> route_of(const std::string& service,
                                         const config::RouteConfig* config) {
    auto route = std::make_unique<chain::Route>();
    route->service = service;
    if (config != nullptr) route->name = config->name;
    x_configs.emplace(route.get(), config);
    return route;
  }

  std::map<const chain::Route*, const config::RouteConfig*> x_configs;
  chain::RouteTable x_table;
};

void explain_listeners(std::ostream& out, const Loaded& loaded, const std::string& service) {
  for (const config::ListenerConfig& listener : loaded.config.listeners) {
    if (listener.service && *listener.service != service) continue;
    out << "listener   " << listener.name;
    for (const std::string& address : listener.addresses) out << " " << address;
    out << at(config::where_listener(loaded, listener.name)) << "\n";
    out << "  filters ";
    for (const config::FilterKind kind : listener.filters) out << " " << config::to_string(kind);
    out << "\n";
    if (!listener.tls) continue;
    out << "  tls with the certificate " << listener.tls->cert_file << "; ";
    if (listener.tls->client_ca_file) {
      out << "callers must show one of " << *listener.tls->client_ca_file << "\n";
    } else {
      out << "callers are not asked for one\n";
    }
  }
}

void explain_policies(std::ostream& out, const Loaded& loaded, const config::Target& target) {
  constexpr std::array<std::string_view, 12> kSections = {
      "endpoints", "balance",          "pool",     "timeout", "deadline_header", "retry", "limits",
      "circuit",   "endpoint_circuit", "fallback", "headers", "authority"};
  for (const std::string_view section : kSections) {
    const config::SettingText text = config::read_setting(loaded, target, section);
    if (text.effective.empty()) continue;
    out << "  " << section << " " << text.effective << at(config::where(loaded, target, section));
    if (!text.overridden.empty()) out << "  overridden: " << text.overridden;
    out << "\n";
  }
}

std::string_view protocol_in_words(const config::Policy& policy) {
  switch (policy.protocol) {
    case config::Protocol::kHttp1:
      return "http1: HTTP/1.1, whatever the caller speaks";
    case config::Protocol::kHttp2:
      return "http2: HTTP/2, whatever the caller speaks";
    case config::Protocol::kTcp:
      return "tcp: bytes that are not read";
    case config::Protocol::kTls:
      return "tls: the caller's own TLS, which is not read";
    case config::Protocol::kAuto:
      break;
  }
  return policy.tls ? "auto: HTTP/2 or HTTP/1.1, as the endpoint chooses (ALPN)"
                    : "auto: what the caller speaks, as nobody can ask an endpoint without TLS";
}

// The name that the certificate of the endpoint must be for.
std::string name_in_words(const config::ClientTls& tls, const config::Authority& sent,
                          const http::RequestHead& request) {
  using Kind = config::Authority::Kind;
  if (tls.verify.spiffe) return *tls.verify.spiffe;
  if (tls.server_name) return *tls.server_name;
  std::string_view authority = request.authority;
  if (sent.kind == Kind::kName) authority = sent.name;
  if (sent.kind == Kind::kUpstream) return "the address of the endpoint";
  const auto parts = http::split_authority(authority);
  return parts ? std::string(parts->host) : std::string(authority);
}

void explain_upstream(std::ostream& out, const Loaded& loaded, const config::Target& service,
                      const config::Authority& sent, const http::RequestHead& request) {
  const config::Policy& policy = loaded.config.find_service(service.service)->policy;
  out << "upstream   protocol " << protocol_in_words(policy)
      << at(config::where(loaded, service, "protocol")) << "\n";
  if (!policy.tls) {
    out << "  in clear text" << at(config::where(loaded, service, "tls")) << "\n";
    return;
  }
  const config::ClientTls& tls = *policy.tls;
  out << "  tls verified by " << tls.ca_file.value_or("the roots of the system") << " for "
      << name_in_words(tls, sent, request) << "; ";
  if (tls.cert_file) {
    out << "shows the certificate " << *tls.cert_file;
  } else {
    out << "shows no certificate";
  }
  out << at(config::where(loaded, service, "tls")) << "\n";
}

void explain_grpc(std::ostream& out, const Loaded& loaded, const config::Target& target,
                  const config::Policy& policy, const http::RequestHead& request) {
  if (!http::is_grpc(request)) return;
  out << "grpc       what we answer ourselves is a grpc-status in a head without a body\n";
  const bool may_repeat =
      policy.retry && upstream::covers(policy.retry->methods, policy.retry->grpc, request);
  out << "  " << (may_repeat ? "may" : "may not") << " be repeated"
      << at(config::where(loaded, target, "retry.grpc")) << "\n";
  const bool holds =
      policy.retry && policy.retry->hold_head_ms > 0 && (may_repeat || !policy.fallback.empty());
  if (holds) {
    out << "  the head of an answer waits for a first message, at most "
        << policy.retry->hold_head_ms << " ms, while the call could still be repeated or replaced";
  } else {
    out << "  the head of an answer passes at once";
  }
  out << at(config::where(loaded, target, "retry.hold_head")) << "\n";
}

void explain_tunnel(std::ostream& out, const http::RequestHead& request) {
  if (!request.tunnel) return;
  out << "tunnel     what goes through it is not read: timeout.connect, limits, retry.unsent and "
         "the circuit\n  apply to the connection, and nothing sees the calls in it; to make them "
         "visible let the\n  application call http://"
      << request.authority << "/ (TLS towards the endpoints is the service's \"tls\")\n";
}

// How the calls of a route are shared out, and what the request becomes on its way.
void explain_route(std::ostream& out, const Loaded& loaded, const config::Target& target,
                   const config::RouteConfig& route) {
  // Only what has a name can be asked for its lines.
  const auto place = [&](std::string_view key) {
    return route.name.empty() ? std::string() : at(config::where(loaded, target, key));
  };
  int64_t total = 0;
  for (const config::RouteTarget& to : route.to) total += to.weight;
  for (const config::RouteTarget& to : route.to) {
    out << "  to " << to.service << " " << to.weight << " of " << total
        << place(config::joined("to", to.name)) << "\n";
  }
  if (route.sticky) {
    out << "  sticky by the " << (route.sticky->cookie ? "cookie " : "field ")
        << route.sticky->cookie.value_or(route.sticky->header.value_or("")) << place("sticky")
        << "\n";
  }
  if (route.is_split()) {
    out << "  when the circuit of one is open, "
        << (route.when_open == config::WhenOpen::kOthers ? "others get its calls"
                                                         : "its calls are refused")
        << place("when_open") << "\n";
  }
  if (!route.rewrite) return;
  const auto& [path_prefix, host] = *route.rewrite;
  out << "  sent with";
  if (path_prefix) out << " " << path_prefix->to << " in the place of " << path_prefix->from;
  if (path_prefix && host) out << " and";
  if (host && host->name.empty()) out << " the address of the endpoint as host";
  if (host && !host->name.empty()) out << " the host " << host->name;
  out << place("rewrite") << "\n";
}

// What becomes of the call at one of the services that it may go to.
void explain_target(std::ostream& out, const Loaded& loaded, const config::Target& target,
                    const config::Authority& sent, const http::RequestHead& request) {
  explain_policies(out, loaded, target);
  explain_upstream(out, loaded, {target.service, ""}, sent, request);
  explain_tunnel(out, request);
  explain_grpc(out, loaded, target, *config::policy_of(loaded.config, target), request);
}

}  // namespace

Result<std::string> explain(const Loaded& loaded, const Question& question) {
  std::array<std::byte, 4096> memory;
  Arena arena(memory);
  const auto request = parse(question, arena);
  if (!request) return failure(request.error());

  const Table table(loaded.config);
  std::ostringstream out;
  out << request->method_text << " " << request->authority << " " << request->target << "\n";
  if (loaded.config.required) {
    out << "requires   " << *loaded.config.required << at(config::where_key(loaded, "requires"))
        << "\n";
  }
  const chain::Route* route = table.find(*request, arena);
  if (route == nullptr) {
    explain_listeners(out, loaded, "");
    const bool refused = loaded.config.unmatched == config::Unmatched::kRefuse;
    out << "service    none answers to " << request->authority << ": "
        << (refused ? "refused with 502" : "passed through to that host")
        << at(config::where_key(loaded, "unmatched")) << "\n";
    return out.str();
  }
  explain_listeners(out, loaded, route->service);
  const config::Target target{route->service, route->name};
  out << "service    " << route->service << at(config::where(loaded, {route->service, ""})) << "\n";
  if (const std::string& profile = loaded.document.profile_of(route->service); !profile.empty()) {
    out << "profile    " << profile << at(config::where(loaded, {route->service, ""}, "profile"))
        << "\n";
  }
  const config::RouteConfig* const written = table.config_of(*route);
  const bool leads = written != nullptr && !written->to.empty();
  if (!route->name.empty()) {
    out << "route      " << route->name << at(config::where(loaded, target)) << "\n";
  } else if (leads || (written != nullptr && written->rewrite)) {
    out << "route      one without a name\n";
  }
  if (written != nullptr) explain_route(out, loaded, target, *written);
  if (!leads) {
    const config::Policy& policy = *config::policy_of(loaded.config, target);
    explain_target(out, loaded, target, authority_of(policy, written, true), *request);
    return out.str();
  }
  for (const config::RouteTarget& to : written->to) {
    out << "target     " << to.service << at(config::where(loaded, {to.service, ""})) << "\n";
    const bool is_called = to.service == route->service;
    explain_target(out, loaded, {to.service, route->name},
                   authority_of(to.policy, written, is_called), *request);
  }
  return out.str();
}

}  // namespace outrigger::app
