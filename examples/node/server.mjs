// A backend that verifies phone numbers with PhoneCheck v0.1. It knows nothing of the simulator: API_BASE_URL, or HTTPS_PROXY
// with the API's real name, decides whom it speaks to.
import { randomBytes } from 'node:crypto'
import express from 'express'
import { EnvHttpProxyAgent, setGlobalDispatcher } from 'undici'

if (process.env.HTTPS_PROXY) setGlobalDispatcher(new EnvHttpProxyAgent())
const api = process.env.API_BASE_URL ?? 'https://eu.api.idlayr.com'
const credentials = Buffer.from(`${process.env.TRU_ID_CLIENT_ID}:${process.env.TRU_ID_CLIENT_SECRET}`).toString('base64')

let token
async function accessToken() {
  if (token?.expires > Date.now()) return token.value
  const res = await fetch(`${api}/oauth2/v1/token`, {
    method: 'POST',
    headers: { Authorization: `Basic ${credentials}` },
    body: new URLSearchParams({ grant_type: 'client_credentials', scope: 'phone_check' }),
    signal: AbortSignal.timeout(5000),
  })
  if (!res.ok) throw new Error(`token: ${res.status}`)
  const { access_token, expires_in } = await res.json()
  token = { value: access_token, expires: Date.now() + (expires_in - 60) * 1000 }
  return token.value
}

async function call(path, init = {}, retry = true) {
  const res = await fetch(api + path, {
    ...init,
    headers: { Authorization: `Bearer ${await accessToken()}`, 'Content-Type': 'application/json' },
    signal: AbortSignal.timeout(5000),
  })
  if (res.status === 401 && retry) { // the token died before its time
    token = undefined
    return call(path, init, false)
  }
  return res
}

const sessions = new Map() // cookie to the session's check and number
const app = express()
app.use(express.json())

app.post('/phone-check', async (req, res) => {
  const number = String(req.body?.phone_number ?? '').replace(/[\s()-]/g, '').replace(/^(\+|00)/, '')
  if (!/^[1-9]\d{6,14}$/.test(number)) return res.status(400).json({ error_message: 'a number with its country code, please' })
  const created = await call('/phone_check/v0.1/checks', { method: 'POST', body: JSON.stringify({ phone_number: number }) })
  if (created.status !== 201) return res.status(502).json({ error_message: 'no check, please use another way' })
  const check = await created.json()
  const id = randomBytes(16).toString('hex')
  sessions.set(id, { check: check.check_id, number })
  res.cookie('session', id, { httpOnly: true, sameSite: 'lax' })
  res.json({ check_id: check.check_id, check_url: check._links.check_url.href })
})

app.get('/phone-check', async (req, res) => {
  const id = /(?:^|;\s*)session=([0-9a-f]{32})/.exec(req.headers.cookie ?? '')?.[1]
  const session = sessions.get(id)
  if (!session || session.check !== req.query.check_id) return res.status(403).json({ error_message: 'not your check' })
  const read = await call(`/phone_check/v0.1/checks/${session.check}`)
  if (!read.ok) return res.status(502).json({ error_message: 'no result, please use another way' })
  const check = await read.json()
  if (check.status === 'COMPLETED' && check.match === true) session.verified = session.number
  res.json({ check_id: session.check, ...(check.status === 'COMPLETED' && { match: check.match }) })
})

app.use((err, _req, res, _next) => res.status(err.status ?? 502).json({ error_message: 'please use another way' }))

const server = app.listen(Number(process.env.PORT ?? 3000), process.env.HOST ?? '127.0.0.1', () => console.log(`listening on ${server.address().port}`))
