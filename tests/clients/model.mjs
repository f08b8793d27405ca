// An OpenAI Realtime server (GA protocol, WebSocket), written from the published order of events and sharing nothing
// with parley-sim. The test is its ear and its brain: it says when the caller speaks and what is answered.
import { createServer } from 'node:http';
import { WebSocketServer } from 'ws';
import { until } from './parley.mjs';

let made = 0;
const newId = (kind) => `${kind}_${String(++made).padStart(6, '0')}`;
const retired = /^gpt-4o.*realtime/;
const bytesPerMs = { 'audio/pcmu': 8, 'audio/pcma': 8, 'audio/pcm': 48 };
const sessionFields = new Set(['type', 'output_modalities', 'instructions', 'audio', 'tools', 'tool_choice', 'parallel_tool_calls',
  'reasoning', 'max_output_tokens', 'truncation', 'tracing', 'include', 'prompt']);

// Bytes that look like no others: neither silence (0xFF, with which frames are padded) nor another seed's.
export function noise(seed, length) {
  const bytes = Buffer.alloc(length);
  let state = (seed * 2654435761 + 1) >>> 0;
  for (let i = 0; i < length; ++i) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    bytes[i] = (state >>> 24) % 255;
  }
  return bytes;
}

export async function startModel(t, options = {}) {
  const model = { sessions: [], upgrades: [], key: 'sk-test', ...options };
  const http = createServer((_request, response) => response.writeHead(404).end());
  const sockets = new WebSocketServer({ server: http, perMessageDeflate: true });
  sockets.on('connection', (socket, request) => {
    const url = new URL(request.url, 'http://model');
    model.upgrades.push({ path: url.pathname, model: url.searchParams.get('model'), headers: request.headers });
    const session = new Session(model, socket);
    // As the real one does: the handshake succeeds, and the first event tells of the refusal.
    const name = url.searchParams.get('model');
    if (request.headers['openai-beta']) return session.refuse(4000, 'beta_api_shape_disabled');
    if (request.headers.authorization !== `Bearer ${model.key}`) return session.refuse(3000, 'invalid_api_key');
    if (!name) return session.refuse(4000, 'missing_model');
    if (retired.test(name)) return session.refuse(4004, 'model_not_found');
    model.sessions.push(session);
    session.open(name);
  });
  await new Promise((done) => http.listen(0, '127.0.0.1', done));
  t.after(() => {
    sockets.clients.forEach((socket) => socket.terminate());
    http.close();
  });
  model.url = `http://127.0.0.1:${http.address().port}/v1`;
  // The newest session of a caller: the agent's instructions name their number.
  model.sessionOf = (caller) => until(() => model.sessions.filter((s) => s.isReady && s.settings.instructions.includes(caller)).pop(), `a session for ${caller}`);
  return model;
}

class Session {
  received = [];      // client events, in order
  sent = [];          // server events, in order
  problems = [];      // what a correct client does not do
  script = [];        // the coming responses, one list of outputs each; 'later': the test will call respond()
  caller = [];        // the caller's audio
  callerBytes = 0;
  items = new Map();
  isReady = false;
  closed = null;

  constructor(model, socket) {
    this.model = model;
    this.socket = socket;
    socket.on('message', (data, isBinary) => this.#hear(data, isBinary));
    socket.on('close', (code) => (this.closed = { code, at: performance.now() }));
    socket.on('error', () => {});
    socket.on('pong', () => (this.hasPonged = true));
  }

  open(name) {
    this.settings = {
      type: 'realtime', object: 'realtime.session', id: newId('sess'), model: name, output_modalities: ['audio'], instructions: '',
      expires_at: Math.floor(Date.now() / 1000) + 3600, max_output_tokens: 'inf', tools: [], tool_choice: 'auto', truncation: 'auto',
      tracing: null, include: null, prompt: null,
      audio: {
        input: {
          format: { type: 'audio/pcm', rate: 24000 }, transcription: null, noise_reduction: null,
          turn_detection: { type: 'server_vad', threshold: 0.5, prefix_padding_ms: 300, silence_duration_ms: 200, idle_timeout_ms: null, create_response: true, interrupt_response: true },
        },
        output: { format: { type: 'audio/pcm', rate: 24000 }, voice: 'alloy', speed: 1 },
      },
    };
    setTimeout(() => {
      this.send('session.created', { session: this.settings });
      this.socket.ping('beat');
    }, this.model.createdAfterMs ?? 0);
  }

  refuse(code, reason) {
    this.send('error', { error: { type: 'invalid_request_error', code: reason, message: `refused: ${reason}`, param: null, event_id: null } });
    this.socket.close(code, `invalid_request_error.${reason}`);
  }

  send(type, fields) {
    const event = { type, event_id: newId('event'), ...structuredClone(fields) };
    event.at = performance.now();
    this.sent.push(event);
    const { at, ...wire } = event;
    this.socket.send(JSON.stringify(wire));
    return event;
  }

  of(type) { return this.received.filter((event) => event.type === type); }
  // What the caller said: noise() has no silence in it, so what is silent was put in between.
  get voice() { return Buffer.concat(this.caller).filter((byte) => byte !== 0xff); }
  get formatIn() { return this.settings.audio.input.format.type; }
  get bytesPerMsOut() { return bytesPerMs[this.settings.audio.output.format.type]; }
  get audioMs() { return Math.floor(this.callerBytes / bytesPerMs[this.formatIn]); }

  // ---- what the client says -------------------------------------------------------------------

  #hear(data, isBinary) {
    if (isBinary) return this.problems.push('a binary message');
    let event;
    try {
      event = JSON.parse(data);
    } catch {
      return this.problems.push(`not JSON: ${data}`);
    }
    this.received.push({ ...event, at: performance.now() });
    this.before?.(event);  // a test's chance to let something happen in between
    if (!this.isReady && event.type !== 'session.update') this.problems.push(`${event.type} before session.updated`);
    switch (event.type) {
      case 'session.update': return this.#update(event);
      case 'input_audio_buffer.append': return this.#append(event);
      case 'conversation.item.create': return this.#create(event);
      case 'conversation.item.truncate': return this.#truncate(event);
      case 'response.create': return this.#respondAsAsked(event);
      case 'response.cancel': return this.#cancelAsAsked(event);
      default: this.#error(event, 'invalid_value', `Invalid value: '${event.type}'.`, 'type');
    }
  }

  #error(event, code, message, param = null) {
    this.problems.push(`${event.type}: ${message}`);
    this.send('error', { error: { type: 'invalid_request_error', code, message, param, event_id: event.event_id ?? null } });
  }

  #update(event) {
    const wanted = event.session ?? {};
    const unknown = Object.keys(wanted).find((key) => !sessionFields.has(key));
    if (unknown) return this.#error(event, 'unknown_parameter', `Unknown parameter: 'session.${unknown}'.`, `session.${unknown}`);
    if (wanted.type !== 'realtime') return this.#error(event, 'missing_required_parameter', "Missing required parameter: 'session.type'.", 'session.type');
    for (const side of ['input', 'output']) {
      const format = wanted.audio?.[side]?.format;
      if (format?.type === 'audio/pcm' && format.rate !== 24000) return this.#error(event, 'missing_required_parameter', 'rate', `session.audio.${side}.format.rate`);
    }
    const merge = (into, from) => {
      for (const [key, value] of Object.entries(from)) {
        const nests = value && into[key] && typeof value === 'object' && !Array.isArray(value) && value.type === into[key].type;
        if (nests) merge(into[key], value);
        else into[key] = value;
      }
    };
    merge(this.settings, wanted);
    this.isReady = true;
    this.send('session.updated', { session: this.settings });
  }

  #append(event) {
    const audio = Buffer.from(event.audio ?? '', 'base64');
    if (audio.length === 0 || audio.toString('base64') !== event.audio) return this.#error(event, 'invalid_value', 'bad audio', 'audio');
    this.caller.push(audio);
    this.callerBytes += audio.length;
  }

  #create(event) {
    const item = event.item;
    if (item.type === 'function_call_output' && ![...this.items.values()].some((known) => known.type === 'function_call' && known.call_id === item.call_id)) {
      return this.#error(event, 'invalid_tool_call_id', `Tool call ID '${item.call_id}' not found in conversation.`);
    }
    const complete = { id: newId('item'), object: 'realtime.item', status: 'completed', ...item };
    const previous = this.#add(complete);
    this.send('conversation.item.added', { previous_item_id: previous, item: complete });
    this.send('conversation.item.done', { previous_item_id: previous, item: complete });
  }

  #truncate(event) {
    const item = this.items.get(event.item_id);
    if (!item) return this.#error(event, 'item_truncate_invalid_item_id', `the item with id '${event.item_id}' does not exist`);
    if (!item.audioBytes) return this.#error(event, 'unsupported_content_type', 'Only model output audio messages can be truncated');
    const heldMs = item.audioBytes / this.bytesPerMsOut;
    if (!Number.isInteger(event.audio_end_ms) || event.audio_end_ms > heldMs) {
      return this.#error(event, 'invalid_value', `Audio content of ${heldMs}ms is already shorter than ${event.audio_end_ms}ms`);
    }
    this.send('conversation.item.truncated', { item_id: event.item_id, content_index: event.content_index, audio_end_ms: event.audio_end_ms });
  }

  #respondAsAsked(event) {
    if (this.active) {
      return this.#error(event, 'conversation_already_has_active_response', `Conversation already has an active response in progress: ${this.active.id}.`);
    }
    this.asked = event.response?.metadata ?? null;
    this.#respondAsScripted();
  }

  #cancelAsAsked(event) {
    if (!this.active || (event.response_id && event.response_id !== this.active.id)) {
      return this.#error(event, 'response_cancel_not_active', 'Cancellation failed: no active response found');
    }
    this.#finish('cancelled', { type: 'cancelled', reason: 'client_cancelled' });
  }

  // ---- the caller's turns, as the test tells them -----------------------------------------------

  speechStarts({ late = 0 } = {}) {
    this.callerItem = newId('item');
    this.send('input_audio_buffer.speech_started', { audio_start_ms: Math.max(0, this.audioMs - 300), item_id: this.callerItem });
    if (!this.active) return;
    // Deltas that were on their way already.
    for (let i = 0; i < late; ++i) this.say(noise(990 + i, 800));
    this.#finish('cancelled', { type: 'cancelled', reason: 'turn_detected' });
  }

  speechStops(transcript) {
    const item_id = this.callerItem;
    this.send('input_audio_buffer.speech_stopped', { audio_end_ms: this.audioMs, item_id });
    const item = { id: item_id, object: 'realtime.item', type: 'message', role: 'user', status: 'completed', content: [{ type: 'input_audio', transcript: null }] };
    const previous_item_id = this.#add(item);
    this.send('input_audio_buffer.committed', { previous_item_id, item_id });
    this.send('conversation.item.added', { previous_item_id, item });
    this.send('conversation.item.done', { previous_item_id, item });
    this.#respondAsScripted();
    // Only after the answer has begun, as is usual.
    if (this.settings.audio.input.transcription === null) return;
    const where = { item_id, content_index: 0 };
    if (transcript === undefined) {
      const error = { type: 'transcription_error', code: 'audio_unintelligible', message: 'The audio could not be transcribed.', param: null };
      this.send('conversation.item.input_audio_transcription.failed', { ...where, error });
      return;
    }
    this.send('conversation.item.input_audio_transcription.delta', { ...where, delta: transcript });
    this.send('conversation.item.input_audio_transcription.completed', { ...where, transcript, usage: { type: 'duration', seconds: 1 } });
  }

  // ---- what the model says ----------------------------------------------------------------------

  #respondAsScripted() {
    const outputs = this.script.shift() ?? [{ says: 'Yes?', audio: noise(1, 1600) }];
    if (outputs !== 'later') this.respond(outputs);
  }

  // Outputs: {says, audio, hold} or {tool, arguments}. `hold` leaves the response open, to be ended by finish(), by the
  // caller or by a cancel.
  respond(outputs) {
    this.#start();
    for (const output of outputs) {
      if (output.tool) this.#callTool(output);
      else if (output.writes) this.#write(output.writes);
      else this.#begin(output);
      if (output.hold) return;
    }
    this.finish();
  }

  finish() { this.#finish('completed', null); }

  fail(error) {
    this.#start();
    this.#finish('failed', { type: 'failed', error });
  }

  #start() {
    this.active = { id: newId('resp'), output: [], open: null, metadata: this.asked ?? null };
    this.asked = null;
    this.send('response.created', { response: this.#response('in_progress', null, null) });
  }

  // Audio of the message that is open, in pieces of no particular length.
  say(audio) {
    const { where, item } = this.active.open;
    const sizes = [333, 1600, 7, 800, 2048];
    for (let at = 0, i = 0; at < audio.length; at += sizes[i++ % sizes.length]) {
      const piece = audio.subarray(at, at + sizes[i % sizes.length]);
      this.items.get(item.id).audioBytes += piece.length;
      this.send('response.output_audio.delta', { ...where, delta: piece.toString('base64') });
    }
  }

  #begin({ says, audio }) {
    if (this.active.open) this.#end('completed');
    const item = { id: newId('item'), object: 'realtime.item', type: 'message', role: 'assistant', status: 'in_progress', content: [] };
    const previous = this.#add(item);
    this.items.get(item.id).audioBytes = 0;
    const where = { response_id: this.active.id, item_id: item.id, output_index: this.active.output.length, content_index: 0 };
    this.active.open = { item, where, says, previous };
    this.send('response.output_item.added', { response_id: where.response_id, output_index: where.output_index, item });
    this.send('conversation.item.added', { previous_item_id: previous, item });
    this.send('response.content_part.added', { ...where, part: { type: 'audio', transcript: '' } });
    for (const word of says.match(/\S+\s*/g)) this.send('response.output_audio_transcript.delta', { ...where, delta: word });
    this.say(audio);
  }

  #end(status) {
    const { item, where, says, previous } = this.active.open;
    this.active.open = null;
    this.send('response.output_audio.done', where);
    this.send('response.output_audio_transcript.done', { ...where, transcript: says });
    this.send('response.content_part.done', { ...where, part: { type: 'audio', transcript: says } });
    this.#itemDone({ ...item, status, content: [{ type: 'output_audio', transcript: says }] }, where.output_index, previous);
  }

  #write(text) {
    if (this.active.open) this.#end('completed');
    const item = { id: newId('item'), object: 'realtime.item', type: 'message', role: 'assistant', status: 'in_progress', content: [] };
    const previous = this.#add(item);
    const where = { response_id: this.active.id, item_id: item.id, output_index: this.active.output.length, content_index: 0 };
    this.send('response.output_item.added', { response_id: where.response_id, output_index: where.output_index, item });
    this.send('conversation.item.added', { previous_item_id: previous, item });
    this.send('response.content_part.added', { ...where, part: { type: 'text', text: '' } });
    this.send('response.output_text.delta', { ...where, delta: text });
    this.send('response.output_text.done', { ...where, text });
    this.send('response.content_part.done', { ...where, part: { type: 'text', text } });
    this.#itemDone({ ...item, status: 'completed', content: [{ type: 'output_text', text }] }, where.output_index, previous);
  }

  #callTool({ tool, arguments: args = {} }) {
    if (this.active.open) this.#end('completed');
    const spelled = JSON.stringify(args);
    const item = { id: newId('item'), object: 'realtime.item', type: 'function_call', status: 'in_progress', name: tool, call_id: newId('call'), arguments: '' };
    const previous = this.#add(item);
    const output_index = this.active.output.length;
    const where = { response_id: this.active.id, item_id: item.id, output_index, call_id: item.call_id };
    this.send('response.output_item.added', { response_id: this.active.id, output_index, item });
    this.send('conversation.item.added', { previous_item_id: previous, item });
    for (let at = 0; at < spelled.length; at += 9) this.send('response.function_call_arguments.delta', { ...where, delta: spelled.slice(at, at + 9) });
    this.send('response.function_call_arguments.done', { ...where, name: tool, arguments: spelled });
    this.#itemDone({ ...item, status: 'completed', arguments: spelled }, output_index, previous);
  }

  #itemDone(item, output_index, previous_item_id) {
    this.active.output.push(item);
    this.send('conversation.item.done', { previous_item_id, item });
    this.send('response.output_item.done', { response_id: this.active.id, output_index, item });
  }

  #finish(status, details) {
    if (this.active.open) this.#end(status === 'completed' ? 'completed' : 'incomplete');
    const usage = status === 'failed' ? null : {
      total_tokens: 253, input_tokens: 132, output_tokens: 121,
      input_token_details: { text_tokens: 119, audio_tokens: 13, image_tokens: 0, cached_tokens: 64, cached_tokens_details: { text_tokens: 64, audio_tokens: 0, image_tokens: 0 } },
      output_token_details: { text_tokens: 30, audio_tokens: 91 },
    };
    const response = this.#response(status, details, usage);
    this.active = null;
    this.send('response.done', { response });
    this.send('rate_limits.updated', { rate_limits: [{ name: 'tokens', limit: 40000, remaining: 39000, reset_seconds: 1.5 }] });
  }

  #response(status, status_details, usage) {
    return {
      object: 'realtime.response', id: this.active.id, status, status_details, output: this.active.output, conversation_id: 'conv_1',
      output_modalities: ['audio'], max_output_tokens: 'inf', audio: { output: { format: this.settings.audio.output.format, voice: 'marin' } },
      usage, metadata: this.active.metadata,
    };
  }

  #add(item) {
    const previous = [...this.items.keys()].pop() ?? null;
    this.items.set(item.id, { ...item });
    return previous;
  }

  // What the client answered the tool calls of this name, oldest first.
  toolOutputs(name) {
    const ids = [...this.items.values()].filter((item) => item.type === 'function_call' && item.name === name).map((item) => item.call_id);
    return this.of('conversation.item.create').filter(({ item }) => item.type === 'function_call_output' && ids.includes(item.call_id)).map(({ item }) => JSON.parse(item.output));
  }
}
