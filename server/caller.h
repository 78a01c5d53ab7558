// What a call's connection and metadata say about who makes it.
#ifndef RADIO_SERVER_CALLER_H_
#define RADIO_SERVER_CALLER_H_

#include <grpcpp/grpcpp.h>

#include "absl/strings/string_view.h"
#include "model/types.h"

namespace radio::server {

// Whose call it is: the identity of the client's certificate, else the address that it connects
// from, without the port. All clients behind one proxy, and all of one machine, are one.
ClientId ClientOf(const grpc::ServerContextBase& context);

// "ipv4:10.0.0.1:5000" -> "ipv4:10.0.0.1"; addresses without a port stay.
absl::string_view WithoutPort(absl::string_view peer);

// How far the call gives way to others: 0, not at all, to 3, from the metadata `radio-priority`.
// Callers can only put themselves back; what is no such number counts as 0.
int PriorityOf(const grpc::ServerContextBase& context);

}  // namespace radio::server

#endif  // RADIO_SERVER_CALLER_H_
