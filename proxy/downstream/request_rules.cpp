#include "proxy/downstream/request_rules.hpp"

#include <array>
#include <charconv>

#include "proxy/http/authority.hpp"
#include "proxy/http/text.hpp"
#include "proxy/http/upgrade.hpp"
#include "proxy/io/tls_handshake.hpp"

namespace outrigger::downstream {
namespace {

constexpr std::string_view kBlank = " \t";

// The received-by of "1.1 name (comment)".
std::string_view received_by(std::string_view element) {
  const size_t protocol_end = element.find_first_of(kBlank);
  if (protocol_end == std::string_view::npos) return {};
  const std::string_view rest = http::trim(element.substr(protocol_end));
  return rest.substr(0, rest.find_first_of(kBlank));
}

bool takes_connect(const ServerContext& context) {
  return context.tunnels && context.takes_absolute_form();
}

// A client may use a connection for another host only where that host is served by the same
// certificate (RFC 9110 section 7.4), which the name it asked for says. What names its proxy there
// is none. A dot at the end, which SNI never has (RFC 6066 section 3), is no other host.
bool is_misdirected(const http::RequestHead& request, const io::TlsInfo* tls) {
  if (tls == nullptr || tls->sni.empty() || request.absolute_form || request.tunnel) return false;
  const auto authority = http::split_authority(request.authority);
  return authority && !http::same_host(http::without_final_dot(authority->host),
                                       http::without_final_dot(tls->sni));
}

// HTTP/2 always names the authority. In clear text every :scheme is http; over TLS that one is for
// a proxy, as absolute-form is.
void decide_form(http::RequestHead& request, const io::TlsInfo* tls, const ServerContext& context) {
  if (request.version != http::Version::kHttp2) return;
  request.absolute_form = request.absolute_form && tls != nullptr && context.takes_absolute_form();
}

// On a service only the protocols of `upgrades` are carried. Without its protocol an extended
// CONNECT would be another request, so it is refused; an Upgrade ends here and the call goes on.
Cause settle_upgrade(http::RequestHead& request, const Resolution& found,
                     const ServerContext& context, Arena& arena) {
  if (request.upgrade.empty() || found.passthrough) return Cause::kNone;
  request.upgrade = http::carried_protocols(request.upgrade, context.config.upgrades, arena);
  const bool refused = request.upgrade.empty() && request.version == http::Version::kHttp2;
  return refused ? Cause::kMethodRefused : Cause::kNone;
}

// What HTTP/2 says in pseudo-fields, as HTTP/1 writes it.
std::string_view target_for_proxy(const http::RequestHead& request, Arena& arena) {
  if (request.tunnel) return request.authority;
  const bool asterisk = request.target == "*";
  return arena.concat({"http://", request.authority, asterisk ? "" : request.target});
}

bool has_http_scheme(std::string_view target) {
  constexpr std::string_view kHttp = "http://";
  return http::same_name(target.substr(0, kHttp.size()), kHttp);
}

// Only a proxy behind us can make anything of another scheme, and only it is told of credentials.
// What is redirected speaks with another proxy, so its CONNECT is none of ours.
Cause settle_proxy(http::RequestHead& request, const Resolution& found, const Address* original,
                   Arena& arena) {
  if (found.proxy) {
    if (!request.is_for_proxy()) request.proxy_target = target_for_proxy(request, arena);
    return Cause::kNone;
  }
  if (request.tunnel && original != nullptr) return Cause::kMethodRefused;
  const bool foreign =
      request.is_for_proxy() && !request.tunnel && !has_http_scheme(request.proxy_target);
  request.proxy_target = request.proxy_authorization = {};
  return foreign ? Cause::kMalformedRequest : Cause::kNone;
}

}  // namespace

Error refusal(Cause cause) {
  Error error;
  error.cause = cause;
  error.ours = true;
  return error;
}

Admission admit(chain::Exchange& exchange, const Address* original, ServerContext& context) {
  http::RequestHead& request = exchange.request();
  Arena& arena = exchange.arena();
  const auto refused = [](Cause cause) { return Admission{.found = {.cause = cause}}; };
  // An Upgrade may be ignored (RFC 9110 section 7.8).
  if (!context.tunnels) request.upgrade = {};
  if (request.method == http::Method::kConnect && !takes_connect(context)) {
    return refused(Cause::kMethodRefused);
  }
  if (context.draining) return refused(Cause::kDraining);
  decide_form(request, exchange.facts().tls, context);
  if (request.absolute_form && !context.takes_absolute_form()) {
    return refused(Cause::kMalformedRequest);
  }
  if (is_misdirected(request, exchange.facts().tls)) return refused(Cause::kMisdirected);
  const std::string_view via = context.via();
  if (!via.empty() && passed_by(request.fields, via)) return refused(Cause::kLoop);
  if (ends_here(request, arena)) return {.found = {}, .ends_here = true};
  if (!via.empty()) add_via(request, via, arena);
  Admission admission{.found = context.resolver.resolve(request, original, arena)};
  Cause& cause = admission.found.cause;
  if (cause == Cause::kNone) cause = settle_upgrade(request, admission.found, context, arena);
  if (cause == Cause::kNone) cause = settle_proxy(request, admission.found, original, arena);
  return admission;
}

http::ResponseHead options_head(Arena& arena) {
  http::ResponseHead head;
  head.status = 200;
  head.framing = http::Framing::kLength;
  head.content_length = 0;
  head.fields.add(arena, "Allow", "GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH");
  return head;
}

bool passed_by(const http::Fields& fields, std::string_view pseudonym) {
  bool found = false;
  for (const http::Field& field : fields) {
    if (field.id != http::Name::kVia) continue;
    http::for_each_element(field.value, [&](std::string_view element) {
      found = found || http::same_name(received_by(element), pseudonym);
    });
  }
  return found;
}

void add_via(http::RequestHead& request, std::string_view pseudonym, Arena& arena) {
  const std::string_view version = request.version == http::Version::kHttp10   ? "1.0 "
                                   : request.version == http::Version::kHttp11 ? "1.1 "
                                                                               : "2.0 ";
  request.fields.add(arena, http::Name::kVia, arena.concat({version, pseudonym}));
}

bool ends_here(http::RequestHead& request, Arena& arena) {
  if (request.method != http::Method::kOptions) return false;
  const http::Field* const field = request.fields.find(http::Name::kMaxForwards);
  if (field == nullptr) return false;
  const int64_t left = http::parse_decimal(field->value);
  if (left <= 0) return true;
  std::array<char, 24> text;
  const auto end = std::to_chars(text.data(), text.data() + text.size(), left - 1).ptr;
  request.fields.set(arena, http::Name::kMaxForwards,
                     arena.copy({text.data(), static_cast<size_t>(end - text.data())}));
  return false;
}

}  // namespace outrigger::downstream
