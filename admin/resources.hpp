// The operations of the admin API, one function each, and what they are given. They answer at once;
// what has to wait is said in the Answer. Free functions over the application's parts; control
// thread only.
#pragma once

#include "admin/answer.hpp"
#include "admin/changes.hpp"
#include "admin/control.hpp"
#include "admin/events.hpp"
#include "admin/request.hpp"
#include "metrics/exporter.hpp"
#include "proxy/base/loop_context.hpp"

namespace outrigger::admin {

// All of it outlives the API.
struct Parts {
  LoopContext loop;
  Control& control;
  Changes& changes;
  Events& events;
  const metrics::Exporter& exporter;
};

Answer get_circuits(const Parts& parts, const Request& request);
Answer get_circuit(const Parts& parts, const Request& request);
Answer patch_circuit(const Parts& parts, const Request& request);
Answer put_circuit_state(const Parts& parts, const Request& request);

Answer get_policy(const Parts& parts, const Request& request);
Answer patch_policy(const Parts& parts, const Request& request);
Answer put_endpoint_state(const Parts& parts, const Request& request);
Answer put_log(const Parts& parts, const Request& request);

Answer get_status(const Parts& parts, const Request& request);
Answer get_services(const Parts& parts, const Request& request);
Answer get_service(const Parts& parts, const Request& request);

Answer get_overrides(const Parts& parts, const Request& request);
Answer delete_overrides(const Parts& parts, const Request& request);

Answer get_live(const Parts& parts, const Request& request);
Answer get_events(const Parts& parts, const Request& request);

Answer get_unmatched(const Parts& parts, const Request& request);
Answer delete_cache(const Parts& parts, const Request& request);
Answer get_config(const Parts& parts, const Request& request);
Answer post_config_check(const Parts& parts, const Request& request);
Answer get_schema(const Parts& parts, const Request& request);
Answer get_explain(const Parts& parts, const Request& request);
Answer post_config_reload(const Parts& parts, const Request& request);
Answer post_drain(const Parts& parts, const Request& request);

Answer get_index(const Parts& parts, const Request& request);
Answer get_registrations(const Parts& parts, const Request& request);
Answer post_deregister(const Parts& parts, const Request& request);
Answer get_healthz(const Parts& parts, const Request& request);
Answer get_startupz(const Parts& parts, const Request& request);
Answer get_readyz(const Parts& parts, const Request& request);
Answer get_metrics(const Parts& parts, const Request& request);
Answer get_openapi(const Parts& parts, const Request& request);

// What writes share: ?ttl and ?reason. The failure is a 400.
Result<Write, Answer> read_write(const Request& request);

// The body is {KEY: WORD}: the word, or an empty one when it is anything else. The failure is a
// 400.
Result<std::string, Answer> read_word(const Request& request, std::string_view key);

// As get_services tells them: those whose circuit is not closed, without enough endpoints, or whose
// discovery fails. A list.
std::string troubled_json(const Parts& parts);

// What differs between two configurations: members of the object that answers a reload.
std::string reload_json(const config::Loaded& before, const config::Loaded& after);

Answer unknown_service(const config::Config& config, std::string_view name);

}  // namespace outrigger::admin
