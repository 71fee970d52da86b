// What is known of a part that is not shown as text, and its bytes.
#pragma once

#include "base/byte_source.h"
#include "base/result.h"
#include "engine/mime/message_parser.h"
#include "engine/mime/structure.h"

namespace mailhaul::mime {

// Without decoding the part. Fails only when reading fails.
Result<AttachmentInfo> DescribeAttachment(const ByteSource& raw, const Structure& structure,
                                          const Part& part);

}  // namespace mailhaul::mime
