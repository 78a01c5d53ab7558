// Reads ZIP archives, as far as NumPy's .npz files need it.
#ifndef RADIO_CLIENT_ZIP_READER_H_
#define RADIO_CLIENT_ZIP_READER_H_

#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace radio::client {

// Entry name -> content, stored or deflated. INVALID_ARGUMENT when the bytes are no such archive,
// are encrypted, larger than 4 GiB, fail their checksum, or unpack to more than `max_bytes`.
absl::StatusOr<std::map<std::string, std::string>> ReadZip(absl::string_view bytes,
                                                           size_t max_bytes);

}  // namespace radio::client

#endif  // RADIO_CLIENT_ZIP_READER_H_
