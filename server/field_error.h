// An error about one field of a request.
#ifndef RADIO_SERVER_FIELD_ERROR_H_
#define RADIO_SERVER_FIELD_ERROR_H_

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "model/errors.h"

namespace radio::server {

// "path: rule", with the path in the details too.
inline absl::Status FieldError(Reason reason, absl::string_view path, absl::string_view rule) {
  absl::Status status = MakeError(reason, absl::StrCat(path, ": ", rule));
  SetFieldPath(&status, path);
  return status;
}

}  // namespace radio::server

#endif  // RADIO_SERVER_FIELD_ERROR_H_
