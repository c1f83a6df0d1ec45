// SPDX-License-Identifier: Apache-2.0
// The official Anthropic client, driven.
import * as exported from '@anthropic-ai/sdk';
import { drive } from './drive.mjs';

await drive(exported, (gate) => gate, (error) => ({ code: error?.errorCode, param: error?.details?.param, type: error?.type }));
