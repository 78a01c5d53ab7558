// Models as they are shown to clients.
#ifndef RADIO_SERVER_MODEL_MESSAGES_H_
#define RADIO_SERVER_MODEL_MESSAGES_H_

#include "model/model_spec.h"
#include "radio/v1/feature_service.pb.h"

namespace radio::server {

v1::Model ModelMessage(const ModelSpec& spec, bool ready);

}  // namespace radio::server

#endif  // RADIO_SERVER_MODEL_MESSAGES_H_
