#pragma once
// Services whose connections are carried without being read: `protocol: tcp` and `protocol: tls`.
// What is about requests and answers means nothing to them.

#include "config/model.hpp"
#include "config/reader.hpp"

namespace outrigger::config {

// Says where the service itself writes what has no meaning for it, and switches that off, so that
// what `defaults` say to the others does not show either. Requires: the service is read.
void drop_http(Reader& reader, ServiceConfig& service);
// Which connections are a service's of `protocol: tls`, and that they are not encrypted twice.
void check_opaque(Reader& reader, const Config& config, const ServiceConfig& service);

}  // namespace outrigger::config
